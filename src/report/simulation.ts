// Renders the HTML page of a simulation: what was assumed stands beside what came of it, and
// nothing on it sounds as if it had been measured.

import type { Utilization } from "../model/records/utilization.js";
import { html, type Markup } from "./page/markup.js";
import { renderPage } from "./page/page.js";
import { nodesSection, seriesFigures, totalsSection } from "./parts.js";
import { seriesSection } from "./plots.js";
import { coreTime, coreTimeUnit, duration, instant, type PartNames, percent } from "./words.js";

/** A name, its value, and in a sentence what it means or where it comes from. */
export interface SimulationFact {
  readonly name: string;
  readonly value: string;
  readonly meaning: string;
}

export interface SimulationTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What the page says besides the utilization. */
export interface SimulationFacts {
  readonly title: string;
  /** The files with the records and what they are, in words. */
  readonly records: string;
  /** Whether the records are idle times of nodes, so that nothing is known of jobs. */
  readonly isOfHoles: boolean;
  readonly cores: number;
  readonly assumptions: readonly SimulationFact[];
  readonly results: readonly SimulationFact[];
  readonly tables: readonly SimulationTable[];
  /** Notes of the readers of the input: assumptions and warnings. */
  readonly notes: readonly string[];
  /** What was skipped, by reason, after a line with the total. */
  readonly skipped: readonly string[];
}

const names = (isOfHoles: boolean): PartNames => ({
  allocated: isOfHoles ? "Not idle in the log" : "Batch jobs",
  useful: "Finished calls (simulated)",
  held: "Held ready (simulated)",
  missed: "Idle, not harvested",
});

export function renderSimulationHtml(u: Utilization, facts: SimulationFacts): string {
  const parts = names(facts.isOfHoles);
  return renderPage({
    title: facts.title,
    subtitle: `${instant(u.fromMs)} to ${instant(u.toMs)} (${duration(u.toMs - u.fromMs)}) · ${u.nodes} nodes, ${facts.cores} cores`,
    findings: findingsOf(u, facts),
    sections: [
      factsSection("What came out", facts.results),
      factsSection("What was assumed", facts.assumptions),
      notesSection(facts),
      totalsSection(u, parts, facts.isOfHoles ? "All of these nodes" : "In service"),
      seriesSection(u, parts.allocated.toLowerCase()),
      ...facts.tables.map(tableSection),
      nodesSection(u, parts, "the file of --node-csv has"),
      wordsSection(facts.isOfHoles),
    ],
    series: seriesFigures(u, parts),
  });
}

function findingsOf(u: Utilization, { records, isOfHoles }: SimulationFacts): string[] {
  const unit = coreTimeUnit(u.availableCoreMs);
  const idle = `${coreTime(u.idleCoreMs, unit)} ${unit.name}`;
  const source = isOfHoles ? "The log has" : "The records leave";
  return [
    `This is a simulation, not a measurement: Gleaner did not run. It replays ${records} through Gleaner's own planning, under the assumptions below.`,
    `${source} ${idle} idle (${percent(u.idleCoreMs, u.availableCoreMs)} of the core-time ${isOfHoles ? "of these nodes" : "in service"}).`,
    `Under these assumptions Gleaner would have held ${percent(u.coveredCoreMs, u.idleCoreMs)} of it ready (coverage) and turned ${percent(u.usefulCoreMs, u.idleCoreMs)} into finished calls (goodput).`,
  ];
}

function factsSection(title: string, facts: readonly SimulationFact[]): Markup {
  return html`<section>
<h2>${title}</h2>
<div class="scroll" role="region" aria-label="${title}" tabindex="0"><table class="facts">
<tbody>${facts.map(({ name, value, meaning }) => html`<tr><th scope="row">${name}</th><td>${value}</td><td class="meaning">${meaning}</td></tr>`)}</tbody>
</table></div>
</section>`;
}

function notesSection({ notes, skipped }: SimulationFacts): Markup {
  return html`<section id="notes">
<h2>What to know about the records</h2>
<ul>${[...notes, ...skipped].map((note) => html`<li>${note}</li>`)}</ul>
</section>`;
}

function tableSection({ title, columns, rows }: SimulationTable): Markup {
  return html`<section>
<h2>${title}</h2>
<div class="scroll" role="region" aria-label="${title}" tabindex="0"><table>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>${rows.map(([first = "", ...rest]) => html`<tr><th scope="row">${first}</th>${rest.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
</table></div>
</section>`;
}

function wordsSection(isOfHoles: boolean): Markup {
  const idle = isOfHoles
    ? "Core-time of the nodes and times in the log of idle nodes. Outside of them a node counts as full; nothing is known of its jobs."
    : "Core-time that no job of the records has on nodes in service. What the records do not know counts as idle.";
  return html`<section class="words">
<h2>Words</h2>
<dl>
<dt>Idle core-time</dt><dd>${idle}</dd>
<dt>Coverage</dt><dd>The share of idle core-time during which a ready executor would have held the core, with memory for a call.</dd>
<dt>Goodput</dt><dd>The share of idle core-time that would have become finished calls.</dd>
<dt>Ceiling</dt><dd>A goodput that no scheduler can exceed with these holes and this demand.</dd>
<dt>Eviction</dt><dd>A batch job needs the cores: calls there stop at once and run again elsewhere. In a simulation its duration is an assumption; a job takes its cores at the moment that the records say.</dd>
</dl>
</section>`;
}
