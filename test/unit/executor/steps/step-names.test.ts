// The folder of srun in the node's cache: placed again if somebody empties the cache.

import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { stepsIn } from "../../../../src/executor/steps/step-names.js";

let home: string;
let said: string[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "glean-steps-"));
  said = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const open = () => stepsIn(join(home, "cache"), (why) => said.push(why));
const srunOf = ({ PATH }: Record<string, string>) => join(PATH!.split(":")[0]!, "srun");

test("commands find srun also after the cache was removed", () => {
  const { steps } = open();
  rmSync(join(home, "cache"), { recursive: true });
  expect(existsSync(srunOf(steps({})))).toBe(true);
  expect(said).toEqual([]);
});

test("commands start without it where there is no room, which is said once and leaves nothing", () => {
  const cache = join(home, "cache");
  mkdirSync(cache);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4k,mode=755", "none", cache]);
  try {
    const { steps } = open();
    expect([steps({}), steps({})]).toEqual([{}, {}]);
    expect(said).toEqual([
      `functions have no srun: ${cache}/step-names has no room for it (ENOSPC): ask your site to make room there`,
    ]);
    expect(readdirSync(join(cache, "step-names"))).toEqual(["sbcast"]);
  } finally {
    execFileSync("umount", ["-l", cache]);
  }
});

test("commands start without it where the cache is open to others", () => {
  const { steps } = open();
  rmSync(join(home, "cache/step-names"), { recursive: true });
  chmodSync(join(home, "cache"), 0o777);
  expect(steps({})).toEqual({});
  expect(said[0]).toMatch(/^functions have no srun: /);
});
