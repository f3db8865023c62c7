// Expands Slurm's host lists, such as `n[1-3,7],gpu[01-04]` or `r[0-1]n[0-3]`, to node names, and
// folds names into them.

import { GleanerError } from "./errors.js";
import { type NodeName, nodeName } from "./ids.js";

/** Slurm's MAX_SLURM_NODES is 65,536: a longer list is not a list of nodes. */
export const maxHosts = 65_536;

/**
 * The names in a host list, in order; none for "", `(null)` and `None`. Throws a GleanerError with
 * code SLURM if brackets or ranges are malformed or the list has more than `most` names.
 */
export function expandHostList(text: string, most: number = maxHosts): NodeName[] {
  if (text === "" || text === "(null)" || text === "None") return [];
  const names: NodeName[] = [];
  for (const part of splitOutsideBrackets(text)) {
    for (const name of expandPart(part, most - names.length)) names.push(nodeName(name));
  }
  return names;
}

function splitOutsideBrackets(text: string): string[] {
  if (!text.includes("[")) return text.split(",");
  const parts: string[] = [];
  let start = 0;
  let inside = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "[" || character === "]") {
      if (inside === (character === "[")) throw malformed(text);
      inside = !inside;
    } else if (character === "," && !inside) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/**
 * One part without commas outside brackets: a prefix, then any number of bracket groups, each with
 * the text that follows it.
 */
function expandPart(part: string, most: number): string[] {
  const pieces = part.split("[");
  let names = [pieces[0]!];
  if (part === "" || names[0]!.includes("]")) throw malformed(part);
  for (const piece of pieces.slice(1)) {
    const close = piece.indexOf("]");
    if (close === -1) throw malformed(part);
    const rest = piece.slice(close + 1);
    const ids = expandRanges(piece.slice(0, close), most);
    if (names.length * ids.length > most) throw tooMany(part);
    names = names.flatMap((prefix) => ids.map((id) => prefix + id + rest));
  }
  if (names.length > most) throw tooMany(part);
  return names;
}

/**
 * Expands `01-03,7` to `01`, `02`, `03`, `7`: the width of a range's first number applies to the
 * whole range.
 */
function expandRanges(ranges: string, most: number): string[] {
  const ids: string[] = [];
  for (const range of ranges.split(",")) {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(range);
    if (!match) throw malformed(ranges);
    const from = match[1]!;
    const last = Number(match[2] ?? from);
    if (last < Number(from)) throw malformed(ranges);
    if (ids.length + last - Number(from) + 1 > most) throw tooMany(ranges);
    for (let id = Number(from); id <= last; id++) ids.push(String(id).padStart(from.length, "0"));
  }
  return ids;
}

const malformed = (text: string) =>
  new GleanerError(
    "SLURM",
    `"${text.slice(0, 100)}" is not a Slurm host list: write n1, n[1-3] or both, separated by commas`,
  );
const tooMany = (text: string) =>
  new GleanerError("SLURM", `The host list "${text.slice(0, 100)}" names too many hosts.`);

/** As Slurm writes node names: `n[1-3,7],login`. */
export function foldHostList(names: readonly string[]): string {
  const byPrefix = new Map<string, string[]>();
  for (const name of names) {
    const [, prefix = name, digits = ""] = /^(.*?\D)(\d{1,9})$/.exec(name) ?? [];
    const width = digits.startsWith("0") ? digits.length : 0;
    const key = digits === "" ? name : `${prefix}/${width}`;
    byPrefix.set(key, [...(byPrefix.get(key) ?? []), digits]);
  }
  return [...byPrefix]
    .map(([key, digits]) => {
      if (digits[0] === "") return key;
      const prefix = key.slice(0, key.lastIndexOf("/"));
      return digits.length === 1 ? `${prefix}${digits[0]}` : `${prefix}[${rangesOf(digits)}]`;
    })
    .join(",");
}

function rangesOf(digits: readonly string[]): string {
  const sorted = digits.toSorted((left, right) => Number(left) - Number(right));
  const ranges: string[] = [];
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    while (Number(sorted[end + 1]) === Number(sorted[end]) + 1) end++;
    ranges.push(start === end ? sorted[start]! : `${sorted[start]}-${sorted[end]}`);
    start = end + 1;
  }
  return ranges.join(",");
}
