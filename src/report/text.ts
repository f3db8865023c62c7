// Renders the utilization report for a terminal: findings, totals and nodes in columns.

import { counted } from "../model/counted.js";
import type { NodeUtilization, Utilization } from "../model/records/utilization.js";
import {
  type CoreTimeUnit,
  coreTime,
  coreTimeUnit,
  decimal,
  findings,
  milliseconds,
  nodesToShow,
  percent,
  subtitle,
  unitOfNodes,
  violationLines,
} from "./words.js";

/** The most nodes in the text; the CSV file has all of them. */
const maxTextNodes = 40;
const maxNameLength = 40;
/** Sentences wrap at the width of a usual terminal. */
const lineLength = 100;

/** Renders plain text that ends with a line break, without control characters from names. */
export function renderUtilizationText(u: Utilization): string {
  const unit = coreTimeUnit(u.availableCoreMs);
  const nodes = nodesToShow(u, maxTextNodes);
  const left = u.perNode.length - nodes.length;
  const sections = [
    [`Utilization, ${subtitle(u)}`],
    findings(u).flatMap((sentence) => wrap(sentence)),
    align(totals(u, unit)),
    [evictions(u), ...violationLines(u).map(printableLine)],
    nodes.length === 0 ? [] : align(nodeRows(nodes)),
    left === 0
      ? []
      : [
          `The ${nodes.length} nodes with the most unharvested idle time; the CSV file has ${decimal(left, 0)} more.`,
        ],
  ];
  const shown = sections.filter((lines) => lines.length > 0);
  return `${shown.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function totals(u: Utilization, unit: CoreTimeUnit): string[][] {
  const row = (name: string, coreMs: number, idle: boolean) => [
    name,
    coreTime(coreMs, unit),
    percent(coreMs, u.availableCoreMs),
    idle ? percent(coreMs, u.idleCoreMs) : "",
  ];
  return [
    ["", unit.name, "of all", "of idle"],
    row("available to Slurm", u.availableCoreMs, false),
    row("  held by batch jobs", u.allocatedCoreMs, false),
    row("  idle", u.idleCoreMs, true),
    row("    held ready by Gleaner (coverage)", u.coveredCoreMs, true),
    row("      became finished work (goodput)", u.usefulCoreMs, true),
    row("    not harvested", u.idleCoreMs - u.coveredCoreMs, true),
  ];
}

function evictions(u: Utilization): string {
  if (u.evictMs === null) return "Evictions: none";
  const { p50, p99, max } = u.evictMs;
  const times = `p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}, max ${milliseconds(max)}`;
  const lost = `${decimal(u.lostToEvictionCoreMs / 1_000, 1)} core-seconds`;
  const stopped = `${counted(u.evictedAttempts, "attempt")} stopped (${lost}; billed only if leased, and run again)`;
  return `Evictions: ${decimal(u.evictions, 0)} (${times}); ${stopped}`;
}

function nodeRows(nodes: readonly NodeUtilization[]): string[][] {
  const unit = unitOfNodes(nodes);
  const head = ["node", unit.name, "batch jobs", "idle", "coverage", "goodput"];
  const rows = nodes.map((node) => [
    printableName(node.node),
    coreTime(node.availableCoreMs, unit),
    coreTime(node.allocatedCoreMs, unit),
    coreTime(node.idleCoreMs, unit),
    percent(node.coveredCoreMs, node.idleCoreMs),
    percent(node.usefulCoreMs, node.idleCoreMs),
  ]);
  return [head, ...rows];
}

/** Renders the line of a node. */
const printableLine = (line: string): string => line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\uFFFD");

/** Removes control and direction characters from a name and shortens it for its column. */
export function printableName(name: string): string {
  const characters = [...name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\uFFFD")];
  if (characters.length <= maxNameLength) return characters.join("");
  return `${characters.slice(0, maxNameLength - 1).join("")}…`;
}

/** Aligns the first column to the left and figures to the right. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => [...row[column]!].length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const padding = " ".repeat(widths[column]! - [...cell].length);
        return column === 0 ? cell + padding : padding + cell;
      })
      .join("  ")
      .trimEnd(),
  );
}

function wrap(sentence: string): string[] {
  const lines: string[] = [];
  for (const word of sentence.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > lineLength) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
