// A marked block at the end of a file: what glean setup adds to a file of the site, and takes out
// again, without touching anything else.

const begin = "# --- written by glean setup ---\n";
/** Ends the last line of the file, too, so that taking the block out restores it. */
const beginAfterOpenLine = "\n# --- written by glean setup after a line without an end ---\n";
const end = "# --- end of what glean setup wrote ---\n";

/** The block's lines; null if the text has none. */
export function blockOf(text: string): string[] | null {
  const place = placeOf(text);
  return place === null ? null : text.slice(place.inside, place.insideEnd).split("\n").slice(0, -1);
}

/** The text without the block, exactly as it was before. */
export function withoutBlock(text: string): string {
  const place = placeOf(text);
  return place === null ? text : text.slice(0, place.start) + text.slice(place.end);
}

/** Puts the block at the end, in place of an earlier one. */
export function withBlock(text: string, lines: readonly string[]): string {
  const rest = withoutBlock(text);
  const mark = rest === "" || rest.endsWith("\n") ? begin : beginAfterOpenLine;
  return `${rest}${mark}${lines.map((line) => `${line}\n`).join("")}${end}`;
}

function placeOf(text: string) {
  for (const mark of [beginAfterOpenLine, begin]) {
    const start = text.indexOf(mark);
    const insideEnd = text.indexOf(end, start);
    if (start >= 0 && insideEnd >= 0)
      return { start, inside: start + mark.length, insideEnd, end: insideEnd + end.length };
  }
  return null;
}
