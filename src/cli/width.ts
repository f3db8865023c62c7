// The columns of a terminal that text takes: two for wide characters, none for combining ones.

/** Ranges of code points that take two columns: East Asian wide and full-width ones, and emoji. */
const wide: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
];

const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/.test(text);

function columnsOf(character: string): number {
  const code = character.codePointAt(0)!;
  const joins = (code >= 0x200b && code <= 0x200d) || (code >= 0xfe00 && code <= 0xfe0f);
  if (joins || /^(\p{Mn}|\p{Me})$/u.test(character)) return 0;
  return wide.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

export const widthOf = (text: string): number =>
  isPlain(text) ? text.length : [...text].reduce((sum, each) => sum + columnsOf(each), 0);

/** The beginning of a text that fits into a number of columns. */
export function cutTo(text: string, columns: number): string {
  if (isPlain(text)) return text.slice(0, columns);
  let used = 0;
  let cut = "";
  for (const each of text) {
    used += columnsOf(each);
    if (used > columns) break;
    cut += each;
  }
  return cut;
}

/** Fills a text with spaces up to a number of columns, on its left if `isRight`. */
export function fill(text: string, columns: number, isRight: boolean): string {
  const spaces = " ".repeat(Math.max(0, columns - widthOf(text)));
  return isRight ? spaces + text : text + spaces;
}
