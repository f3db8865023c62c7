// Renders the utilization report as a self-contained HTML page that sends no request.

import { createHash } from "node:crypto";
import { counted } from "../model/counted.js";
import type { EvictionBin, NodeUtilization, Utilization } from "../model/records/utilization.js";
import { idleSection } from "./idle.js";
import { html, jsonMarkup, Markup } from "./markup.js";
import { pageScript } from "./page-script.js";
import { pageStyle } from "./page-style.js";
import { partsBar, plainBar, seriesSection } from "./plots.js";
import { uplotScript, uplotStyle } from "./uplot.js";
import {
  coreTime,
  coreTimeUnit,
  decimal,
  findings,
  milliseconds,
  nodesToShow,
  type Parts,
  partNames,
  partsOf,
  percent,
  subtitle,
  unitOfNodes,
  unnoticedMs,
  violationLines,
} from "./words.js";

/** The most rows on the page; the CSV file has all of them. */
const maxHtmlNodes = 100;

/** Renders the page; `title` and names may contain any characters. */
export function renderUtilizationHtml(u: Utilization, title: string): string {
  const style = `${uplotStyle}\n${pageStyle}`;
  const script = `${uplotScript}\n${pageScript}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
<p class="subtitle">${subtitle(u)}</p>
</header>
<section class="findings" aria-label="Findings">${findings(u).map((finding) => html`<p>${finding}</p>`)}</section>
${tiles(u)}
${totalsSection(u)}
${idleSection(u)}
${seriesSection(u)}
${evictionsSection(u)}
${nodesSection(u)}
${wordsSection()}
</main>
<script type="application/json" id="figures">${jsonMarkup(seriesFigures(u))}</script>
<script>${new Markup(script)}</script>
</body>
</html>
`;
  return page.text;
}

const hashOf = (text: string): Markup =>
  new Markup(`sha256-${createHash("sha256").update(text).digest("base64")}`);

function tiles(u: Utilization): Markup {
  const tile = (name: string, value: string, note: string) =>
    html`<div class="tile"><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`;
  return html`<dl class="tiles">
${tile("Idle", percent(u.idleCoreMs, u.availableCoreMs), "of the core-time available to Slurm")}
${tile("Coverage", percent(u.coveredCoreMs, u.idleCoreMs), "of idle time held ready")}
${tile("Goodput", percent(u.usefulCoreMs, u.idleCoreMs), "of idle time spent on finished work")}
${tile("Slowest eviction", u.evictMs === null ? "none" : milliseconds(u.evictMs.max), `of ${decimal(u.evictions, 0)}; up to ${unnoticedMs} ms delay no job`)}
</dl>`;
}

function totalsSection(u: Utilization): Markup {
  const unit = coreTimeUnit(u.availableCoreMs);
  const parts = partsOf(u);
  const row = (part: keyof Parts) => html`<tr>
<th scope="row"><span class="key"><svg aria-hidden="true" viewBox="0 0 1 1"><rect class="${part}" width="1" height="1"/></svg></span>${partNames[part]}</th>
<td>${coreTime(parts[part], unit)}</td>
<td>${percent(parts[part], u.availableCoreMs)}</td>
<td>${part === "allocated" ? "" : percent(parts[part], u.idleCoreMs)}</td>
</tr>`;
  return html`<section>
<h2>Where the core-time went</h2>
<div class="wide-bar">${partsBar(parts)}</div>
<div class="scroll"><table>
<thead><tr><th scope="col"></th><th scope="col">${unit.name}</th><th scope="col">of all</th><th scope="col">of idle</th></tr></thead>
<tbody>${(["allocated", "useful", "held", "missed"] as const).map(row)}</tbody>
<tfoot><tr><th scope="row">Available to Slurm</th><td>${coreTime(u.availableCoreMs, unit)}</td><td>${percent(u.availableCoreMs, u.availableCoreMs)}</td><td></td></tr></tfoot>
</table></div>
</section>`;
}

function evictionsSection(u: Utilization): Markup {
  if (u.evictMs === null) return html``;
  const { p50, p99, max } = u.evictMs;
  const first = u.evictHistogram.findIndex(({ count }) => count > 0);
  const last = u.evictHistogram.findLastIndex(({ count }) => count > 0);
  const shown = u.evictHistogram.slice(first, last + 1);
  const most = Math.max(...shown.map(({ count }) => count));
  const row = (bin: EvictionBin, index: number) => {
    const name = binName(bin, u.evictHistogram[first + index - 1]);
    const late = bin.atMostMs === null || bin.atMostMs > unnoticedMs;
    return html`<tr><th scope="row">${name}</th><td>${decimal(bin.count, 0)}</td><td class="bar">${plainBar(bin.count / most, late ? "late" : "intime")}</td></tr>`;
  };
  return html`<section>
<h2>How fast batch jobs got their cores back</h2>
<p>Median ${milliseconds(p50)}, 99 of 100 within ${milliseconds(p99)}, slowest ${milliseconds(max)}. ${counted(u.evictedAttempts, "attempt")} of functions stopped; Gleaner does not bill them and runs the functions again (${decimal(u.lostToEvictionCoreMs / 1_000, 1)} core-seconds of unfinished work).</p>
<div class="scroll"><table class="bars">
<thead><tr><th scope="col">Eviction took</th><th scope="col">evictions</th><td></td></tr></thead>
<tbody>${shown.map(row)}</tbody>
</table></div>
${violationLines(u).map((line) => html`<p>${line.trim()}.</p>`)}
</section>`;
}

function binName({ atMostMs }: EvictionBin, before: EvictionBin | undefined): string {
  if (atMostMs === null) return `more than ${milliseconds(before?.atMostMs ?? 0)}`;
  return `up to ${milliseconds(atMostMs)}`;
}

function nodesSection(u: Utilization): Markup {
  const nodes = nodesToShow(u, maxHtmlNodes);
  if (nodes.length === 0) return html``;
  const unit = unitOfNodes(nodes);
  const row = (node: NodeUtilization) => html`<tr>
<th scope="row">${node.node}</th>
<td class="bar">${partsBar(partsOf(node))}</td>
<td class="spare">${coreTime(node.idleCoreMs, unit)}</td>
<td>${percent(node.coveredCoreMs, node.idleCoreMs)}</td>
<td>${percent(node.usefulCoreMs, node.idleCoreMs)}</td>
</tr>`;
  const left = u.perNode.length - nodes.length;
  const note =
    left === 0
      ? html``
      : html`<p>The ${nodes.length} nodes with the most unharvested idle time; the CSV file has ${decimal(left, 0)} more.</p>`;
  return html`<section>
<h2>Nodes</h2>
${note}
<div class="scroll"><table class="bars">
<thead><tr><th scope="col">Node</th><td></td><th scope="col" class="spare">idle ${unit.name}</th><th scope="col">coverage</th><th scope="col">goodput</th></tr></thead>
<tbody>${nodes.map(row)}</tbody>
</table></div>
</section>`;
}

function wordsSection(): Markup {
  return html`<section class="words">
<h2>Words</h2>
<dl>
<dt>Idle core-time</dt><dd>Core-time that Slurm left unallocated on available nodes. It comes from Slurm's job records; each node's prolog and epilog make it exact to the millisecond.</dd>
<dt>Coverage</dt><dd>The share of idle core-time during which a ready executor of Gleaner held the core.</dd>
<dt>Goodput</dt><dd>The share of idle core-time that became finished, billed work of functions.</dd>
<dt>Eviction</dt><dd>A batch job needs the cores: functions there stop at once, return to the queue and are not billed. The time runs from the start of the job's prolog on the node until its cores are free.</dd>
</dl>
</section>`;
}

/** The data of the plot: average cores of each part by step, and the end of the last step. */
function seriesFigures(u: Utilization) {
  const parts = u.series.map((point) => ({
    allocated: point.allocatedCores,
    useful: point.usefulCores,
    held: point.coveredCores - point.usefulCores,
    missed: point.idleCores - point.coveredCores,
  }));
  const column = (part: keyof Parts) =>
    parts.map((point) => Math.round(point[part] * 1_000) / 1_000);
  return {
    endMs: u.toMs,
    atMs: u.series.map(({ atMs }) => atMs),
    parts: (["allocated", "useful", "held", "missed"] as const).map((part) => ({
      part,
      name: partNames[part],
      cores: column(part),
    })),
  };
}
