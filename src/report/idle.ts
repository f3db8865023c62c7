// Renders how idle core-time was spent: as text, CSV, a JSON object and a section of the HTML page.

import { type IdlePart, idleParts } from "../model/records/idle.js";
import type { NodeUtilization, Utilization } from "../model/records/utilization.js";
import { csvLines } from "./csv.js";
import { idleWords, partsThere } from "./idle-words.js";
import { html, type Markup } from "./page/markup.js";
import { plainBar } from "./plots.js";
import { align, printableName } from "./text.js";
import { coreTime, coreTimeUnit, decimal, nodesToShow, percent, subtitle } from "./words.js";

/** The most nodes in the text; the CSV file has all of them. */
const maxTextNodes = 40;

/** Renders plain text that ends with a line break. */
export function renderIdleText(u: Utilization): string {
  const title = `Idle core-time, ${subtitle(u)}`;
  if (u.idleCoreMs === 0) return `${title}\n\nNothing was idle.\n`;
  const unit = coreTimeUnit(u.idleCoreMs);
  const rows = partsThere(u).map((part) => [
    `  ${idleWords[part].name}`,
    coreTime(u.idleParts[part], unit),
    percent(u.idleParts[part], u.idleCoreMs),
  ]);
  const table = align([
    ["", unit.name, "of idle"],
    ["idle", coreTime(u.idleCoreMs, unit), percent(u.idleCoreMs, u.idleCoreMs)],
    ...rows,
  ]);
  const meanings = ["", "", ...partsThere(u).map((part) => idleWords[part].meaning)];
  const explained = table.map((line, index) => `${line}  ${meanings[index] ?? ""}`.trimEnd());
  return `${[[title], explained, nodeLines(u)].map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** Names the largest loss of each node, which shows where to start. */
function nodeLines(u: Utilization): string[] {
  const nodes = nodesToShow(u, maxTextNodes);
  const unit = coreTimeUnit(nodes.reduce((most, node) => Math.max(most, node.idleCoreMs), 0));
  const rows = nodes.map((node) => {
    const worst = largestLoss(node);
    const lost = worst === null ? 0 : (node.idleParts[worst] ?? 0);
    return [
      printableName(node.node),
      coreTime(node.idleCoreMs, unit),
      percent(node.usefulCoreMs, node.idleCoreMs),
      worst === null ? "–" : `${idleWords[worst].name} ${percent(lost, node.idleCoreMs)}`,
    ];
  });
  const left = u.perNode.length - nodes.length;
  const note =
    left === 0
      ? []
      : [`The CSV file has ${decimal(left, 0)} more ${left === 1 ? "node" : "nodes"}.`];
  return [...align([["node", unit.name, "finished work", "largest loss"], ...rows]), ...note];
}

function largestLoss(node: NodeUtilization): IdlePart | null {
  const parts = Object.entries(node.idleParts) as [IdlePart, number][];
  const losses = parts.filter(([part]) => part !== "useful");
  return (
    losses.reduce<[IdlePart, number] | null>(
      (worst, each) => (worst === null || each[1] > worst[1] ? each : worst),
      null,
    )?.[0] ?? null
  );
}

/** Renders a line for each node and `total`, with exact core-milliseconds. */
export function renderIdleCsv(u: Utilization): string {
  const total = { ...u, node: "total" };
  return csvLines([
    ["node", "idleCoreMs", ...idleParts.map((part) => `${part}CoreMs`)],
    ...[...u.perNode, total].map((row) => [
      row.node,
      row.idleCoreMs,
      ...idleParts.map((part) => row.idleParts[part] ?? 0),
    ]),
  ]);
}

/** Returns the object of `--json`; `parts` sum to `idleCoreMs`, for each node and in total. */
export function idleReport(u: Utilization) {
  const { fromMs, toMs, nodes, idleCoreMs, idleParts: parts, lostToEvictionCoreMs } = u;
  return {
    fromMs,
    toMs,
    nodes,
    idleCoreMs,
    parts,
    lostToEvictionCoreMs,
    perNode: u.perNode.map((each) => ({
      node: each.node,
      idleCoreMs: each.idleCoreMs,
      parts: each.idleParts,
    })),
  };
}

/** Renders a bar and the figures of each part above zero. */
export function idleSection(u: Utilization): Markup {
  const parts = partsThere(u);
  // A simulation knows no reasons.
  if (parts.every((part) => part === "useful" || part === "unrecorded")) return html``;
  const unit = coreTimeUnit(u.availableCoreMs);
  const most = Math.max(...parts.map((part) => u.idleParts[part]));
  const row = (part: IdlePart) => {
    const coreMs = u.idleParts[part];
    const { name, meaning, colour } = idleWords[part];
    return html`<tr title="${meaning}"><th scope="row">${name}</th><td class="bar">${plainBar(coreMs / most, colour)}</td><td>${coreTime(coreMs, unit)}</td><td>${percent(coreMs, u.idleCoreMs)}</td></tr>`;
  };
  return html`<section id="idle">
<h2>Where the idle time went</h2>
<div class="scroll" role="region" aria-label="Where the idle time went" tabindex="0"><table class="bars">
<thead><tr><th scope="col">Idle cores</th><td></td><th scope="col">${unit.name}</th><th scope="col">of idle</th></tr></thead>
<tbody>${parts.map(row)}</tbody>
<tfoot><tr><th scope="row">idle</th><td></td><td>${coreTime(u.idleCoreMs, unit)}</td><td>${percent(u.idleCoreMs, u.idleCoreMs)}</td></tr></tfoot>
</table></div>
<details>
<summary>What the parts mean</summary>
<dl class="meanings">${parts.map((part) => html`<dt>${idleWords[part].name}</dt><dd>${idleWords[part].meaning}</dd>`)}</dl>
</details>
</section>`;
}
