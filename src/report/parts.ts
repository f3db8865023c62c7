// Renders core-time in its four parts: as a table with a bar, for each node, and as data of the
// plot.

import type { NodeUtilization, Utilization } from "../model/records/utilization.js";
import { html, type Markup } from "./page/markup.js";
import { partsBar } from "./plots.js";
import {
  coreTime,
  coreTimeUnit,
  decimal,
  nodesToShow,
  type PartNames,
  type Parts,
  partsOf,
  percent,
  unitOfNodes,
} from "./words.js";

/** The most rows on the page. */
const maxHtmlNodes = 100;

export function totalsSection(
  u: Utilization,
  names: PartNames,
  whole = "Available to Slurm",
): Markup {
  const unit = coreTimeUnit(u.availableCoreMs);
  const parts = partsOf(u);
  const row = (part: keyof Parts) => html`<tr>
<th scope="row"><span class="key"><svg aria-hidden="true" viewBox="0 0 1 1"><rect class="${part}" width="1" height="1"/></svg></span>${names[part]}</th>
<td>${coreTime(parts[part], unit)}</td>
<td>${percent(parts[part], u.availableCoreMs)}</td>
<td>${part === "allocated" ? "" : percent(parts[part], u.idleCoreMs)}</td>
</tr>`;
  return html`<section>
<h2>Where the core-time went</h2>
<div class="wide-bar">${partsBar(parts, names)}</div>
<div class="scroll" role="region" aria-label="Where the core-time went" tabindex="0"><table>
<thead><tr><th scope="col">Core-time</th><th scope="col">${unit.name}</th><th scope="col">of all</th><th scope="col">of idle</th></tr></thead>
<tbody>${(["allocated", "useful", "held", "missed"] as const).map(row)}</tbody>
<tfoot><tr><th scope="row">${whole}</th><td>${coreTime(u.availableCoreMs, unit)}</td><td>${percent(u.availableCoreMs, u.availableCoreMs)}</td><td></td></tr></tfoot>
</table></div>
</section>`;
}

export function nodesSection(u: Utilization, names: PartNames, rest = "the CSV file has"): Markup {
  const nodes = nodesToShow(u, maxHtmlNodes);
  if (nodes.length === 0) return html``;
  const unit = unitOfNodes(nodes);
  const row = (node: NodeUtilization) => html`<tr>
<th scope="row">${node.node}</th>
<td class="bar">${partsBar(partsOf(node), names)}</td>
<td class="spare">${coreTime(node.idleCoreMs, unit)}</td>
<td>${percent(node.coveredCoreMs, node.idleCoreMs)}</td>
<td>${percent(node.usefulCoreMs, node.idleCoreMs)}</td>
</tr>`;
  const left = u.perNode.length - nodes.length;
  const note =
    left === 0
      ? html``
      : html`<p>The ${nodes.length} nodes with the most unharvested idle time; ${rest} ${decimal(left, 0)} more.</p>`;
  return html`<section>
<h2>Nodes</h2>
${note}
<div class="scroll" role="region" aria-label="Nodes" tabindex="0"><table class="bars">
<thead><tr><th scope="col">Node</th><td></td><th scope="col" class="spare">idle ${unit.name}</th><th scope="col">coverage</th><th scope="col">goodput</th></tr></thead>
<tbody>${nodes.map(row)}</tbody>
</table></div>
</section>`;
}

/** The data of the plot: average cores of each part by step, and the end of the last step. */
export function seriesFigures(u: Utilization, names: PartNames) {
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
      name: names[part],
      cores: column(part),
    })),
  };
}
