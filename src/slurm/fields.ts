// Parses lines of `scontrol -o`: `Key=Value` pairs whose values may contain spaces, `=` and keys.

/** How much of how many unreadable lines is kept, to diagnose them. */
export const maxUnreadable = 20;
const maxUnreadableLength = 200;

/**
 * Free text of administrators, and the fields among it. They come last; after the first of them,
 * only these keys start a field, so that a comment `State=IDLE` is never taken for a state.
 */
const closingKeys: ReadonlySet<string> = new Set([
  "Reason",
  "Comment",
  "Extra",
  "InstanceId",
  "InstanceType",
  "ReservationName",
]);

/** Returns the fields of a line; the first of duplicate keys counts. Never throws. */
export function readFields(line: string): Map<string, string> {
  const fields = new Map<string, string>();
  let key: string | null = null;
  let valueStart = 0;
  let closing = false;
  let wordStart = 0;
  while (wordStart < line.length) {
    let wordEnd = line.indexOf(" ", wordStart);
    if (wordEnd === -1) wordEnd = line.length;
    const found = keyAt(line, wordStart, wordEnd);
    const isNew = found !== null && found !== key && !fields.has(found);
    if (isNew && (!closing || closingKeys.has(found))) {
      if (key !== null) fields.set(key, line.slice(valueStart, wordStart).trimEnd());
      key = found;
      valueStart = wordStart + found.length + 1;
      closing ||= closingKeys.has(found);
    }
    wordStart = wordEnd + 1;
  }
  if (key !== null) fields.set(key, line.slice(valueStart).trimEnd());
  return fields;
}

/** Returns `Key` if the word is `Key=…` (`CPUTot`, `MCS_label`, `Socks/Node`). */
function keyAt(line: string, start: number, end: number): string | null {
  for (let at = start; at < end; at++) {
    const code = line.charCodeAt(at);
    const upper = code >= 65 && code <= 90;
    if (at === start ? upper : upper || isKeyTail(code)) continue;
    return code === 61 && at > start ? line.slice(start, at) : null;
  }
  return null;
}

/** a-z, 0-9 (with `:`), `_`, `/`. */
function isKeyTail(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 58) || code === 95 || code === 47;
}

/** Reads a whole number of at most 15 digits; null for anything else. */
export function readCount(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Reads a word; null if Slurm prints a placeholder for nothing. */
export function readWord(text: string | undefined): string | null {
  return text === undefined || text === "" || text === "(null)" || text === "N/A" ? null : text;
}

/** Splits `a,b,c`; empty for a placeholder. */
export function readWords(text: string | undefined): string[] {
  return (readWord(text) ?? "").split(",").filter((word) => word !== "");
}

/**
 * Decodes lines of a command's output one by one, so that a substring that is kept holds only its
 * line in memory, not megabytes of output.
 */
export function* linesOf(output: Buffer): Generator<string> {
  let start = 0;
  while (start < output.length) {
    let end = output.indexOf(10, start);
    if (end === -1) end = output.length;
    if (end > start) yield output.toString("utf8", start, end);
    start = end + 1;
  }
}

/** Adds an unreadable line, within the limits. */
export function noteUnreadable(unreadable: string[], line: string): void {
  if (unreadable.length < maxUnreadable) unreadable.push(line.slice(0, maxUnreadableLength));
}
