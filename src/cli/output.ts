// Prints tables, JSON and separated fields, without control characters that a terminal obeys.

import { writeSync } from "node:fs";
import { exitStatus } from "./context.js";
import { cutTo, fill, widthOf } from "./width.js";

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly right?: boolean;
  /** The most columns of a terminal; longer text is cut, as squeue does. */
  readonly most?: number;
  /** The fewest columns of a terminal. */
  readonly least?: number;
  /** Whether a terminal shows it in red. */
  readonly isAlarming?: (row: Row) => boolean;
}

/** What a terminal would obey. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to replace
const steering = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Replaces control characters in names, paths and reasons. */
export const printable = (text: string): string => text.replace(steering, "?");

/** Unchanged, except on a terminal, which gets the text's lines and tabs and obeys nothing else. */
export const readable = (text: string, isTerminal = process.stdout.isTTY === true): string =>
  isTerminal ? text.replace(steering, (found) => (/[\n\t]/.test(found) ? found : "?")) : text;

/** JSON has its own way to write the control characters that it allows in strings. */
export const escapedJson = (text: string): string =>
  text.replace(steering, (found) =>
    found < " " ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/**
 * Aligns columns, two spaces apart, without padding the last one. Wide characters count as two
 * columns.
 */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  withHeader: boolean,
): string {
  const header = withHeader ? [columns.map(({ title }) => title)] : [];
  const fieldOf = (row: Row, { text, most }: Column<Row>): string => {
    const field = printable(text(row));
    return most === undefined ? field : cutTo(field, most);
  };
  const lines = [...header, ...rows.map((row) => columns.map((column) => fieldOf(row, column)))];
  const isAlarming = (line: number, column: number): boolean => {
    const row = rows[line - header.length];
    return row !== undefined && columns[column]!.isAlarming?.(row) === true;
  };
  const widths = columns.map(({ least = 0 }, index) =>
    lines.reduce((widest, line) => Math.max(widest, widthOf(line[index]!)), least),
  );
  return lines
    .map((line, at) =>
      line
        .map((field, index) => {
          const filled = fill(field, widths[index]!, columns[index]!.right === true);
          return isAlarming(at, index) ? alarming(filled) : filled;
        })
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Formats as sacct's --parsable2; the delimiter in a field becomes `?`, so that fields stay. */
export function bare<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  withHeader: boolean,
  delimiter = "|",
): string {
  const field = (text: string): string => printable(text).replaceAll(delimiter, "?");
  const lines = rows.map((row) => columns.map(({ text }) => field(text(row))).join(delimiter));
  const header = withHeader ? [columns.map(({ title }) => title).join(delimiter)] : [];
  return [...header, ...lines].map((line) => `${line}\n`).join("");
}

export const json = (value: unknown, indent = 2): string =>
  `${escapedJson(JSON.stringify(value, null, indent))}\n`;

/** Red on a terminal that has colors, plain elsewhere and under NO_COLOR. */
export function alarming(text: string): string {
  const { NO_COLOR, TERM } = process.env;
  return process.stdout.isTTY && !NO_COLOR && TERM !== "dumb"
    ? `\u001b[31m${text}\u001b[39m`
    : text;
}

let stream: NodeJS.WriteStream | null = null;

/** What writes much; its early end, as by `glean queue | head`, is not an error. */
export function standardOutput(): NodeJS.WriteStream {
  stream ??= process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitStatus.done);
    complain(`cannot write the output: ${error.message}`);
    process.exit(exitStatus.failed);
  });
  return stream;
}

/** Does without node's stream where it can: loading that takes longer than writing an id. */
export function print(text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    while (stream === null && written < bytes.length) written += writeSync(1, bytes, written);
  } catch {
    // The stream waits where this cannot, and tells about everything else.
  }
  if (written < bytes.length) standardOutput().write(bytes.subarray(written));
}

/** Prints a line on standard error synchronously, since the program may be about to exit. */
export function complain(sentence: string, program = "glean"): void {
  try {
    writeSync(2, `${program}: ${printable(sentence)}\n`);
  } catch {
    // Standard error is closed; the exit status still reports the failure.
  }
}
