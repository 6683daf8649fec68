duration: {
  value: 0,
  validate(value, opt) {
    const valid = smartserverFirewall.isDynamic(this.durationType) || smartserverFirewall.isSeconds(value);
    return smartserverFirewall.verdict(valid, this._('error.seconds'), opt);
  },
},
durationType: { value: 'num' },
