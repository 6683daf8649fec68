reason: {
  value: '',
  validate(value, opt) {
    const valid = smartserverFirewall.isDynamic(this.reasonType) || smartserverFirewall.textOf(value).length <= 500;
    return smartserverFirewall.verdict(valid, this._('error.reason'), opt);
  },
},
reasonType: { value: 'str' },
