// The lines of a stream, as many as there are and with a limit each: a tenth of the time that
// node:readline takes.

import { isUtf8 } from "node:buffer";
import { maxPayloadBytes } from "../../sdk/index.js";

const newline = 0x0a;
/** Some programs put it in front of a file in UTF-8. */
const byteOrderMark = "\ufeff";

/** `message` says what is wrong with the line. */
export class BadLine extends Error {
  constructor(
    readonly number: number,
    message: string,
  ) {
    super(message);
  }
}

/** Rejects with BadLine. */
export async function* linesIn(stream: AsyncIterable<string | Buffer>): AsyncGenerator<string> {
  let number = 1;
  /** The line whose end has not come. */
  let pieces: Buffer[] = [];
  let bytes = 0;
  const textOf = (whole: Buffer): string => {
    if (!isUtf8(whole)) throw notUtf8(whole, number);
    const text = whole.toString();
    return number === 1 && text.startsWith(byteOrderMark) ? text.slice(1) : text;
  };
  for await (const chunk of stream) {
    const piece = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    const begin = piece.lastIndexOf(newline) + 1;
    if (begin > 0) {
      const text = textOf(Buffer.concat([...pieces, piece.subarray(0, begin)]));
      let at = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", at)) {
        yield text.slice(at, text[end - 1] === "\r" ? end - 1 : end);
        number++;
        at = end + 1;
      }
      pieces = [];
      bytes = 0;
    }
    const rest = piece.subarray(begin);
    pieces.push(rest);
    bytes += rest.length;
    if (bytes > maxPayloadBytes) throw tooLong(number);
  }
  yield textOf(Buffer.concat(pieces));
}

function notUtf8(lines: Buffer, first: number): BadLine {
  let at = 0;
  let number = first;
  for (let end = lines.indexOf(newline); end >= 0; end = lines.indexOf(newline, at)) {
    if (!isUtf8(lines.subarray(at, end))) break;
    at = end + 1;
    number++;
  }
  return new BadLine(number, "is not UTF-8: convert the file, for example with iconv -t UTF-8");
}

const tooLong = (number: number): BadLine =>
  new BadLine(
    number,
    `has more than ${maxPayloadBytes} bytes, the limit of an input: keep the data on a shared file system, and name it in the input`,
  );
