// A marked block at the end of a file: what glean setup adds to a file of the site, and takes out
// again, without touching anything else.

const begin = "# --- written by glean setup ---";
const end = "# --- end of what glean setup wrote ---";

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

/** Replaces the block, or adds one at the end. A last line without its end gets one inside. */
export function withBlock(text: string, lines: readonly string[]): string {
  const rest = withoutBlock(text);
  const gap = rest === "" || rest.endsWith("\n") ? "" : "\n";
  return `${rest}${gap}${[begin, ...lines, end].join("\n")}\n`;
}

function placeOf(text: string) {
  const start = text.indexOf(`${begin}\n`);
  const last = text.indexOf(`${end}\n`, start);
  if (start < 0 || last < 0) return null;
  const inside = start + begin.length + 1;
  return { start, inside, insideEnd: last, end: last + end.length + 1 };
}
