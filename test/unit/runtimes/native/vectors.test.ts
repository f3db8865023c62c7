// The codec in C, under the sanitizers, against the vectors that all runtimes share.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { frameRules } from "../../../../src/wire/worker/frame.js";
import { makeRuntimes, runtimesFolder } from "../../../support/runtimes/c-runtimes.js";

beforeAll(makeRuntimes, 120_000);

const { frames, invalid } = JSON.parse(readFileSync("test/vectors/worker/frames.json", "utf8"));

const decode = (vectors: readonly { readonly hex: string }[]): string[] =>
  execFileSync(join(runtimesFolder, "asan", "vectors"), {
    input: vectors.map(({ hex }) => `${hex}\n`).join(""),
    encoding: "utf8",
  })
    .trimEnd()
    .split("\n")
    .map((line) => line.trimEnd());

test("reads and writes every vector", () => {
  expect(decode(frames)).toEqual(
    frames.map((vector: Record<string, unknown>) => {
      const { type, id, hex, fields } = vector;
      const call = vector.call as Record<string, unknown> | undefined;
      const content = call
        ? `${call.deadlineMs} ${call.attempt} ${call.contentType}|${call.name}`
        : fields
          ? String(hex).slice(32)
          : "";
      return `${frameRules[type as keyof typeof frameRules].number} ${id} same ${content}`.trimEnd();
    }),
  );
});

test("refuses everything that is invalid", () => {
  expect(decode(invalid)).toEqual(invalid.map(() => "invalid"));
});
