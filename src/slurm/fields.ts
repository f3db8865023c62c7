// Lines of `scontrol -o`: `Key=Value` pairs whose values may hold spaces, `=` and words that look like keys.

/** How much of an unreadable line is kept, and of how many: enough to see what is wrong, never a flood. */
export const maxUnreadable = 20;
const maxUnreadableLength = 200;

/**
 * Free text of administrators and what scontrol prints among it. They come last, so from the first of them on only
 * these start a field: a comment `State=IDLE` is never taken for a state.
 */
const closingKeys: ReadonlySet<string> = new Set([
  "Reason",
  "Comment",
  "Extra",
  "InstanceId",
  "InstanceType",
  "ReservationName",
]);

/** The fields of one line; of a key that comes twice the first counts. Never throws. */
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

/** `Key` if the word is `Key=…` with a name as scontrol has them (`CPUTot`, `MCS_label`, `Socks/Node`). */
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

/** A whole number of at most 15 digits; null for anything else. */
export function readCount(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** What Slurm prints for "nothing" becomes null. */
export function readWord(text: string | undefined): string | null {
  return text === undefined || text === "" || text === "(null)" || text === "N/A" ? null : text;
}

/** The parts of `a,b,c`; none for what means nothing. */
export function readWords(text: string | undefined): string[] {
  return (readWord(text) ?? "").split(",").filter((word) => word !== "");
}

/**
 * Lines of a command's output, each decoded by itself: a part of a line that is kept for long then keeps only its
 * line in memory and not megabytes of output.
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

/** Adds a line to those that could not be read, within the limits. */
export function noteUnreadable(unreadable: string[], line: string): void {
  if (unreadable.length < maxUnreadable) unreadable.push(line.slice(0, maxUnreadableLength));
}
