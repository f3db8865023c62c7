// Renders the utilization report as a self-contained HTML page that sends no request.

import { counted } from "../model/counted.js";
import type { EvictionBin, Utilization } from "../model/records/utilization.js";
import { idleSection } from "./idle.js";
import { html, type Markup } from "./page/markup.js";
import { renderPage } from "./page/page.js";
import { nodesSection, seriesFigures, totalsSection } from "./parts.js";
import { plainBar, seriesSection } from "./plots.js";
import {
  decimal,
  findings,
  milliseconds,
  partNames,
  percent,
  subtitle,
  unnoticedMs,
  violationLines,
} from "./words.js";

/** Renders the page; `title` and names may contain any characters. */
export function renderUtilizationHtml(u: Utilization, title: string): string {
  return renderPage({
    title,
    subtitle: subtitle(u),
    findings: findings(u),
    sections: [
      tiles(u),
      totalsSection(u, partNames),
      idleSection(u),
      seriesSection(u, "batch jobs"),
      evictionsSection(u),
      nodesSection(u, partNames),
      wordsSection(),
    ],
    series: seriesFigures(u, partNames),
  });
}

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
<p>Median ${milliseconds(p50)}, 99 of 100 within ${milliseconds(p99)}, slowest ${milliseconds(max)}. ${counted(u.evictedAttempts, "attempt")} of functions stopped; Gleaner bills none but leases, and runs the functions again (${decimal(u.lostToEvictionCoreMs / 1_000, 1)} core-seconds of unfinished work).</p>
<div class="scroll" role="region" aria-label="Durations of evictions" tabindex="0"><table class="bars">
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

function wordsSection(): Markup {
  return html`<section class="words">
<h2>Words</h2>
<dl>
<dt>Idle core-time</dt><dd>Core-time that Slurm left unallocated on available nodes. It comes from Slurm's job records; each node's prolog and epilog make it exact to the millisecond.</dd>
<dt>Coverage</dt><dd>The share of idle core-time during which a ready executor of Gleaner held the core.</dd>
<dt>Goodput</dt><dd>The share of idle core-time that became finished, billed work of functions.</dd>
<dt>Eviction</dt><dd>A batch job needs the cores: functions there stop at once, return to the queue and, unless leased, are not billed. The time runs from the start of the job's prolog on the node until its cores are free.</dd>
</dl>
</section>`;
}
