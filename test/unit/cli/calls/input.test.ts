// The input of one call as it is given on a command line.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { inputOf } from "../../../../src/cli/calls/input.js";
import { maxPayloadBytes } from "../../../../src/sdk/index.js";

const folder = mkdtempSync(join(tmpdir(), "gleaner-input-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a file is read as JSON, as text, or as bytes", () => {
  const file = join(folder, "input");
  const read = (content: string | Buffer) => {
    writeFileSync(file, content);
    return inputOf({ input: file });
  };
  expect(read('{"a":1}')).toMatchObject({ contentType: "application/json", body: '{"a":1}' });
  expect(read("words")).toMatchObject({ contentType: "text/plain; charset=utf-8", body: "words" });
  expect(read(Buffer.from([0xff])).contentType).toBe("application/octet-stream");
});

test("a device that never ends is refused at the limit", () => {
  expect(() => inputOf({ input: "/dev/zero" })).toThrow(
    `/dev/zero has more than ${maxPayloadBytes} bytes and the limit of an input is ${maxPayloadBytes}`,
  );
});

test("a folder cannot be read", () => {
  expect(() => inputOf({ input: folder })).toThrow(/cannot be read: .*EISDIR/);
});
