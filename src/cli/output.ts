// How results are printed: tables, one JSON document, bare fields; and nothing that could steer a terminal.

import { writeSync } from "node:fs";

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly right?: boolean;
}

/** Control characters of a name, a path or a reason must not reach the terminal of whoever lists it. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "?");
}

/** Columns as wide as their widest field, two blanks between; the last one is not filled up. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  withHeader: boolean,
): string {
  const header = withHeader ? [columns.map(({ title }) => title)] : [];
  const lines = [...header, ...rows.map((row) => columns.map(({ text }) => printable(text(row))))];
  const widths = columns.map((_, index) =>
    lines.reduce((widest, line) => Math.max(widest, line[index]!.length), 0),
  );
  return lines
    .map((line) =>
      line
        .map((field, index) =>
          columns[index]!.right ? field.padStart(widths[index]!) : field.padEnd(widths[index]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** sacct's --parsable2: fields with `|` between; a `|` in a field becomes `?`, so that the count stays. */
export function bare<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  withHeader: boolean,
): string {
  const field = (text: string): string => printable(text).replaceAll("|", "?");
  const lines = rows.map((row) => columns.map(({ text }) => field(text(row))).join("|"));
  const header = withHeader ? [columns.map(({ title }) => title).join("|")] : [];
  return [...header, ...lines].map((line) => `${line}\n`).join("");
}

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Red on a terminal, plain elsewhere and under NO_COLOR. */
export function alarming(text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[31m${text}\u001b[39m` : text;
}

export function print(text: string): void {
  process.stdout.write(text);
}

/** One line on standard error, at once: the program may be about to end. */
export function complain(sentence: string): void {
  try {
    writeSync(2, `glean: ${printable(sentence)}\n`);
  } catch {
    // Nobody listens on standard error: the exit status still speaks.
  }
}
