// Lines of a stream in pieces of any size: their ends, their encoding and their limit.

import { Readable } from "node:stream";
import { expect, test } from "@jest/globals";
import { linesIn } from "../../../../src/cli/calls/lines.js";
import { maxPayloadBytes } from "../../../../src/sdk/index.js";

async function read(pieces: Iterable<Buffer>): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesIn(Readable.from(pieces))) lines.push(line);
  return lines;
}

const inPiecesOf = (length: number, bytes: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) =>
    bytes.subarray(at * length, (at + 1) * length),
  );

test.each([
  ["a last line without an end", "1\n2", ["1", "2"]],
  ["an end of the last line", "1\n2\n", ["1", "2", ""]],
  ["ends as Windows has them", "1\r\n\r\n2\r\n", ["1", "", "2", ""]],
  ["a byte order mark", "\ufeff1\n\ufeff2", ["1", "\ufeff2"]],
  ["only a byte order mark", "\ufeff", [""]],
  ["letters of several bytes", "grün\n\u{1f600}", ["grün", "\u{1f600}"]],
  ["a replacement character", "\ufffd\n", ["\ufffd", ""]],
  ["nothing", "", [""]],
])("%s, in pieces of each length", async (_what, text, lines) => {
  const bytes = Buffer.from(text);
  for (const length of [1, 2, 3, 5, 100])
    expect(await read(inPiecesOf(length, bytes))).toEqual(lines);
});

test.each([1, 3, 100])(
  "bytes that are not UTF-8 are told with their line, in pieces of %d",
  async (length) => {
    const bytes = Buffer.from("1\n2\n'\xff'\n4\n", "latin1");
    await expect(read(inPiecesOf(length, bytes))).rejects.toMatchObject({
      number: 3,
      message: expect.stringMatching(/^is not UTF-8: convert the file/),
    });
  },
);

test("a line of the largest size comes at once, and a longer one is refused before its end", async () => {
  const piece = Buffer.alloc(65_536, "x");
  const many = (count: number) => Array.from({ length: count }, () => piece);
  const most = many(maxPayloadBytes / piece.length);
  const [line] = await read([...most, Buffer.from("\n")]);
  expect(line).toHaveLength(maxPayloadBytes);
  function* endless() {
    yield Buffer.from("1\n");
    for (;;) yield piece;
  }
  await expect(read(endless())).rejects.toMatchObject({
    number: 2,
    message: expect.stringContaining(`more than ${maxPayloadBytes} bytes, the limit of an input`),
  });
});
