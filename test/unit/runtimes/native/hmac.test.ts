// HMAC-SHA256 in C, under the sanitizers, against Node's.

import { execFileSync } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { makeRuntimes, runtimesFolder } from "../../../support/runtimes/c-runtimes.js";

beforeAll(makeRuntimes, 120_000);

const inC = (key: Buffer, data: Buffer): string =>
  execFileSync(join(runtimesFolder, "asan", "hmac"), [key.toString("hex")], {
    input: data,
    encoding: "utf8",
  }).trimEnd();

// Around the sizes of a block and of its padding.
const lengths = [0, 1, 32, 55, 56, 63, 64, 65, 119, 120, 128, 1_000, 65_536];

test.each(lengths)("data of %i bytes", (length) => {
  const [key, data] = [randomBytes(32), randomBytes(length)];
  expect(inC(key, data)).toBe(createHmac("sha256", key).update(data).digest("hex"));
});

test.each([0, 63, 64, 65, 200])("a key of %i bytes", (length) => {
  const [key, data] = [randomBytes(length), randomBytes(100)];
  expect(inC(key, data)).toBe(createHmac("sha256", key).update(data).digest("hex"));
});
