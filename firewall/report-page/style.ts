/** Dark or light on a screen, as its owner has it; light on paper. */
const LIGHT = `color-scheme:light;--text:#1c2430;--soft:#55606e;--back:#fff;--card:#f5f7fa;--line:#d5dbe3;--all:#a84300;--some:#1d5fa8;--good:#14682f;--bad:#b3160f;--warn:#8a5300;--link:#1d5fa8`;
const DARK = `color-scheme:dark;--text:#e4e8ee;--soft:#a6b0bd;--back:#14181e;--card:#1e242d;--line:#3a4453;--all:#ffa35c;--some:#7fb9ff;--good:#6fd08c;--bad:#ff8a80;--warn:#f5c26b;--link:#8fc1ff`;

export const STYLE = `:root{${LIGHT}}
@media screen and (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,"Segoe UI","Hiragino Sans","Noto Sans CJK JP","Noto Sans JP",sans-serif;margin:0 auto;max-width:64rem;padding:1rem;color:var(--text);background:var(--back);overflow-wrap:anywhere}
header{border-bottom:2px solid var(--line);padding-bottom:1rem;margin-bottom:1rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .3rem}
h2{font-size:1.15rem;margin:2rem 0 .6rem;padding-bottom:.2rem;border-bottom:1px solid var(--line)}
h3{font-size:1rem;margin:0 0 .4rem}
p{margin:.3rem 0}
a{color:var(--link)}
small,.soft{color:var(--soft)}
small{display:block;font-size:.85rem}
code,.code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.85em}
.verdict{display:flex;gap:.8rem;align-items:flex-start;border:1px solid var(--line);border-left:.5rem solid var(--good);background:var(--card);border-radius:.3rem;padding:.7rem .9rem;margin:.8rem 0}
.verdict strong{font-size:1.25rem;line-height:1.2;display:block}
.verdict svg{flex:none;width:2.2rem;height:2.2rem;margin-top:.1rem}
.verdict.bad{border-left-color:var(--bad)}.verdict.warn{border-left-color:var(--warn)}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.verdict p{color:var(--text)}
dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin:.8rem 0 0}
dl.facts>div{background:var(--card);border:1px solid var(--line);border-radius:.3rem;padding:.5rem .7rem}
dt{color:var(--soft);font-size:.85rem}
dd{margin:0;font-weight:600}
dd small{font-weight:400}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1.2rem}
figure{margin:0;border:1px solid var(--line);border-radius:.3rem;padding:.7rem;min-width:0;break-inside:avoid-page}
figcaption{color:var(--soft);font-size:.85rem;margin-top:.4rem}
figure svg{display:block;width:100%;height:auto;max-width:32rem;font-size:12px;fill:var(--text)}
figure svg .small{font-size:10.5px;fill:var(--soft)}
.box{fill:var(--card);stroke:var(--line)}.box.all{stroke:var(--all);stroke-width:2}.box.some{stroke:var(--some)}
.line{fill:none;stroke-width:1.5}.line.all{stroke:var(--all);stroke-width:2.5}.line.some{stroke:var(--some);stroke-dasharray:5 3}
.tip.all{fill:var(--all)}.tip.some{fill:var(--some)}
ol.findings,ul.plain{list-style:none;padding:0;margin:0}
.findings li,.plain li{border-left:.3rem solid var(--line);padding:.3rem .8rem;margin:.5rem 0;break-inside:avoid}
.findings .critical,.findings .high{border-color:var(--bad)}.findings .medium{border-color:var(--warn)}
.tag{display:inline-block;border:1px solid currentColor;border-radius:.7rem;padding:0 .5rem;font-size:.8rem;font-weight:600}
table{border-collapse:collapse;width:100%;table-layout:fixed}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line)}
thead{display:table-header-group}
tr{break-inside:avoid}
thead th{color:var(--soft);font-weight:600;font-size:.85rem}
tbody th{font-weight:600}
.n{width:3rem}.s{width:26%}.t{width:24%}
.hash{word-break:break-all}
footer{margin-top:2rem;border-top:2px solid var(--line)}
@media (max-width:30rem){body{padding:.7rem;font-size:14px}h1{font-size:1.35rem}}
@media print{body{max-width:none;padding:0;font-size:10pt}h2{break-after:avoid}.save{display:none}.pictures{grid-template-columns:1fr 1fr}.verdict,.box,figure,.tag{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@page{margin:15mm}`;
