// The style of the HTML report, for light and dark screens, narrow screens and paper.

/** The colours (after Okabe and Ito) also differ in brightness, for colour-blind readers. */
export const pageStyle = `
:root {
  --ground: #ffffff; --raised: #f4f6f8; --text: #1b2430; --quiet: #566273; --line: #d8dee6; --accent: #00694e;
  --allocated: #7d8899; --useful: #00795a; --held: #7cc3ea; --missed: #f2c14b; --late: #b3261e;
}
@media screen and (prefers-color-scheme: dark) {
  :root:not(.paper) {
    --ground: #11161d; --raised: #1a212b; --text: #e6ebf1; --quiet: #9aa7b8; --line: #2e3845; --accent: #4fd1a5;
    --allocated: #5c6879; --useful: #1fb88b; --held: #3b7fb0; --missed: #d9a632; --late: #ff8a80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.5rem 3rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .6rem; }
p { margin: 0 0 .75rem; max-width: 46rem; }
section { margin-top: 2.5rem; }
.subtitle, .hint { color: var(--quiet); font-size: .9rem; }
.subtitle { margin-top: .4rem; }
.findings { margin-top: 1.5rem; border-left: 4px solid var(--accent); padding-left: 1.1rem; }
.findings p { font-size: 1.1rem; }
.findings p:last-child { margin-bottom: 0; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .9rem; margin: 1.8rem 0 0; }
.tile { background: var(--raised); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; }
.tile dt { color: var(--quiet); font-size: .85rem; }
.tile dd { margin: 0; font-size: 1.7rem; font-weight: 650; line-height: 1.3; white-space: nowrap; }
.tile small { display: block; white-space: normal; font-size: .8rem; font-weight: 400; color: var(--quiet); line-height: 1.35; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .95rem; }
thead th { font-weight: 500; color: var(--quiet); font-size: .85rem; }
th, td { padding: .32rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; padding-left: 0; }
tbody th { font-weight: 400; max-width: 20rem; overflow: hidden; text-overflow: ellipsis; }
tfoot th, tfoot td { border-bottom: 0; font-weight: 600; }
svg { display: block; width: 100%; height: 100%; }
.wide-bar { height: 1.75rem; margin-bottom: .8rem; border-radius: .3rem; overflow: hidden; }
.key { display: inline-block; width: .8em; height: .8em; margin-right: .55em; }
.bars td.bar { width: 60%; min-width: 8rem; padding-right: 0; }
.bars td.bar svg { height: .85rem; }
.allocated { fill: var(--allocated); } .useful { fill: var(--useful); } .held { fill: var(--held); }
.missed { fill: var(--missed); } .intime { fill: var(--useful); } .late { fill: var(--late); }
#plot { min-height: 20rem; }
.uplot { font: inherit; }
.u-legend { text-align: left; font-size: .85rem; font-variant-numeric: tabular-nums; }
.u-legend th, .u-legend td { border-bottom: 0; padding: .15rem .3rem .15rem 0; }
.u-legend .u-series:first-child .u-marker { display: none; }
.u-legend .u-series th { cursor: default; font-weight: 400; }
.u-legend .u-value { min-width: 3.5em; font-weight: 600; }
.u-legend .u-series:first-child .u-value { min-width: 12em; }
.facts th { max-width: none; white-space: normal; } .facts td { text-align: left; }
.facts td.meaning { white-space: normal; color: var(--quiet); font-size: .9rem; }
#notes ul { margin: 0; padding-left: 1.2rem; max-width: 46rem; } #notes li { margin-bottom: .3rem; overflow-wrap: anywhere; }
details { margin-top: .8rem; }
summary { cursor: pointer; color: var(--quiet); font-size: .9rem; }
details .scroll { max-height: 24rem; overflow-y: auto; margin-top: .5rem; }
.words dl, .meanings { margin: 0; font-size: .9rem; max-width: 46rem; }
.words dt, .meanings dt { font-weight: 600; } .words dd, .meanings dd { margin: 0 0 .6rem; color: var(--quiet); }
@media (max-width: 40rem) {
  main { padding: 1.5rem 1rem 2rem; }
  h1 { font-size: 1.5rem; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  .tile dd { font-size: 1.35rem; }
  th, td { padding: .3rem .4rem; }
  table { font-size: .85rem; }
  tbody th { white-space: normal; }
  .spare { display: none; }
  .bars td.bar { width: 40%; min-width: 5rem; }
}
@media print {
  main { max-width: none; padding: 0; }
  section, .tile, tr { break-inside: avoid; }
  section:has(tbody tr:nth-child(20)) { break-inside: auto; }
  details, .hint { display: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
