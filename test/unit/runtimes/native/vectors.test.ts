// The codec in C, under the sanitizers, against the vectors that all runtimes share.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { directRules } from "../../../../src/wire/direct/frame.js";
import { frameRules } from "../../../../src/wire/worker/frame.js";
import type { FrameRule } from "../../../../src/wire/worker/framing.js";
import { makeRuntimes, runtimesFolder } from "../../../support/runtimes/c-runtimes.js";

beforeAll(makeRuntimes, 120_000);

const vectorsOf = (protocol: string) =>
  JSON.parse(readFileSync(`test/vectors/${protocol}/frames.json`, "utf8"));
const protocols = [
  ["worker", frameRules],
  ["direct", directRules],
] as const;

const decode = (protocol: string, vectors: readonly { readonly hex: string }[]): string[] =>
  execFileSync(join(runtimesFolder, "asan", "vectors"), [protocol], {
    input: vectors.map(({ hex }) => `${hex}\n`).join(""),
    encoding: "utf8",
  })
    .trimEnd()
    .split("\n")
    .map((line) => line.trimEnd());

test.each(protocols)("reads and writes every vector: %s", (protocol, rules) => {
  const { frames } = vectorsOf(protocol);
  expect(decode(protocol, frames)).toEqual(
    frames.map((vector: Record<string, unknown>) => {
      const { type, id, hex, fields } = vector;
      const call = vector.call as Record<string, unknown> | undefined;
      const content = call
        ? `${call.deadlineMs} ${call.attempt} ${call.contentType}|${call.name}`
        : fields
          ? String(hex).slice(32)
          : "";
      return `${(rules as Readonly<Record<string, FrameRule>>)[String(type)]!.number} ${id} same ${content}`.trimEnd();
    }),
  );
});

test.each(["worker", "direct"])("refuses everything that is invalid: %s", (protocol) => {
  const { invalid } = vectorsOf(protocol);
  expect(decode(protocol, invalid)).toEqual(invalid.map(() => "invalid"));
});
