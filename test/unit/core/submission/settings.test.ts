// Settings of a function's version: the site's defaults, and what can never run.

import { describe, expect, test } from "@jest/globals";
import { admitSettings, type SettingsPolicy } from "../../../../src/core/submission/settings.js";
import { type RequestedSettings, unsetSettings } from "../../../../src/model/functions/settings.js";

const policy: SettingsPolicy = {
  defaultMemoryPerCoreMb: 500,
  defaultTimeLimitMs: 60_000,
  maxTimeLimitMs: 100_000,
  maxEnvironmentBytes: 100,
  allowRootFunctions: false,
};
const largest = { cores: 8, memoryMb: 4_000, gpus: 1 };
const admit = (change: Partial<RequestedSettings> = {}, uid = 1_000) =>
  admitSettings({ ...unsetSettings, runtime: "python", ...change }, uid, largest, policy);

test("the site's defaults take the place of null", () => {
  expect(admit({ cores: 3 })).toMatchObject({ memoryMb: 1_500, timeLimitMs: 60_000 });
  expect(admit({ memoryMb: 7, timeLimitMs: 8 })).toMatchObject({ memoryMb: 7, timeLimitMs: 8 });
});

describe("settings are refused", () => {
  test.each<[Partial<RequestedSettings>, RegExp]>([
    [{ cores: 9, memoryMb: 1 }, /request is for 9 cores, but the largest node has 8/],
    [{ memoryMb: 4_001 }, /the largest node can offer 4000 MB: ask for less with --mem/],
    [{ gpus: 2 }, /request is for 2 GPUs/],
    [
      { timeLimitMs: 100_001 },
      /exceeds the site's limit for functions of 0:01:40: if it ends sooner, give -t 0:01:40/,
    ],
    [{ runtime: "exec", concurrency: 2 }, /exec runs one call at a time: omit --concurrency/],
    [{ runtime: "native", concurrency: 2 }, /native runs one call at a time/],
    [{ runtime: "node", python: "/usr/bin/python3" }, /--python is for the runtime python/],
    [{ runtime: "node", fork: false }, /--no-fork is for the runtime python, not for node/],
    [{ environment: { "A=B": "1" } }, /a variable with the name "A=B"/],
    [{ environment: { "": "1" } }, /a variable with the name ""/],
    [{ environment: { A: "\0" } }, /NUL byte/],
    [{ setup: "module load\0" }, /NUL byte/],
    [{ environment: { A: "x".repeat(100) } }, /environment is larger than 100 bytes/],
  ])("%j", (change, why) => {
    expect(() => admit(change)).toThrow(why);
  });

  test("of root, unless the site allows it", () => {
    expect(() => admit({}, 0)).toThrow(/root may not submit functions here/);
  });
});

test("sizes are not checked before Slurm was read", () => {
  const huge = { ...unsetSettings, runtime: "exec", cores: 1_000 } as const;
  expect(admitSettings(huge, 1_000, null, policy).memoryMb).toBe(500_000);
});
