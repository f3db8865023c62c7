// Both ends of the direct path in C, the rings, and what is read from `glean lease hold`, under the
// sanitizers, with a hostile peer's steps from a seed. scripts/bench fuzz takes many more, with
// libFuzzer.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";

const sources = resolve(import.meta.dirname, "../../../src/sdk/c/test/fuzz");
const folder = mkdtempSync(join(tmpdir(), "gleaner-fuzz-"));

beforeAll(() => {
  const make = ["-s", "-j2", "-C", sources, `OUT=${folder}`, "CFLAGS=-O0 -g", "seeded"];
  execFileSync("make", make, { stdio: "pipe" });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

test.each(["frames", "hold", "worker", "client"])(
  "%s survives 2,000 hostile inputs",
  (target) => {
    const said = execFileSync(join(folder, `fuzz-${target}`), ["2000", "20261129"]);
    expect(String(said)).toBe("2000\n");
  },
  60_000,
);
