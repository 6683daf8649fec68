confirmWithin: {
  value: 0,
  validate(value, opt) {
    // A list of backups changes nothing, and has no such field.
    const valid = this.action === 'list' || smartserverFirewall.isSeconds(value);
    return smartserverFirewall.verdict(valid, this._('error.seconds'), opt);
  },
},
cutConnections: { value: false },
onlyTighten: { value: false },
keepPeers: { value: false },
dryRun: { value: false },
force: { value: false },
