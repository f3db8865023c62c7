// Renders the SVG bars of the HTML report and the element in which the script draws the plot.

import type { Utilization, UtilizationPoint } from "../model/records/utilization.js";
import { html, type Markup } from "./page/markup.js";
import { decimal, instant, type PartNames, type Parts } from "./words.js";

const width = 1_000;
const height = 10;

/** Renders the four parts as a bar as wide as its cell, with the shares for screen readers. */
export function partsBar(parts: Parts, names: PartNames): Markup {
  const entries = Object.entries(parts) as [keyof Parts, number][];
  const whole = entries.reduce((sum, [, part]) => sum + part, 0);
  if (whole === 0) return plainBar(0, "missed");
  let x = 0;
  const rectangles = entries.map(([part, amount]) => {
    const from = x;
    x += (amount / whole) * width;
    return html`<rect class="${part}" x="${from.toFixed(1)}" width="${(x - from).toFixed(1)}" height="${height}"/>`;
  });
  const label = entries
    .map(([part, amount]) => `${names[part]} ${Math.round((100 * amount) / whole)} %`)
    .join(", ");
  return html`<svg role="img" aria-label="${label}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none"><title>${label}</title>${rectangles}</svg>`;
}

/** Renders one bar of a histogram; the table has its number. */
export function plainBar(share: number, className: string): Markup {
  const long = (share * width).toFixed(1);
  return html`<svg aria-hidden="true" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none"><rect class="${className}" width="${long}" height="${height}"/></svg>`;
}

/**
 * Renders the plot of average cores over time and, for accessibility, a table of its figures;
 * `allocated` names the cores that are not idle.
 */
export function seriesSection(u: Utilization, allocated: string): Markup {
  if (u.series.length === 0) return html``;
  const row = (point: UtilizationPoint) => html`<tr>
<th scope="row">${instant(point.atMs)}</th><td>${decimal(point.allocatedCores, 1)}</td><td>${decimal(point.idleCores, 1)}</td><td>${decimal(point.coveredCores, 1)}</td><td>${decimal(point.usefulCores, 1)}</td>
</tr>`;
  return html`<section>
<h2>Cores over time</h2>
<p class="hint">Average cores in each step, times in UTC. Point at the plot for figures; drag to zoom, double-click to go back.</p>
<div id="plot" role="img" aria-label="Stacked areas over time: cores of ${allocated}, finished work of functions, cores held ready, cores left idle. The table below has the figures."></div>
<details>
<summary>The plot's figures as a table</summary>
<div class="scroll" role="region" aria-label="The plot's figures" tabindex="0"><table>
<thead><tr><th scope="col">From</th><th scope="col">${allocated}</th><th scope="col">idle</th><th scope="col">held ready (coverage)</th><th scope="col">finished work (goodput)</th></tr></thead>
<tbody>${u.series.map(row)}</tbody>
</table></div>
</details>
</section>`;
}
