category: 'SmartServer',
color: '#7FB7BE',
inputs: 1,
outputs: 1,
paletteLabel() {
  return this._('label.palette');
},
labelStyle() {
  return this.name ? 'node_label_italic' : '';
},
