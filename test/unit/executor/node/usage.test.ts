// What a process has used, from its files in /proc.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "@jest/globals";
import { peakMbOf, Usage } from "../../../../src/executor/node/usage.js";

test("memory that a process takes counts in its peak, and time in its time", () => {
  const usage = new Usage(process.pid);
  const before = usage.all;
  expect(before.peakMb).toBe(peakMbOf(process.pid));
  const taken = Buffer.alloc(2 * before.peakMb * 1024 * 1024, 1);
  const after = usage.all;
  expect(after.peakMb).toBeGreaterThan(taken.length / 1024 / 1024);
  expect(after.cpuMs).toBeGreaterThanOrEqual(before.cpuMs);
  expect(usage.cpuMs).toBeGreaterThanOrEqual(after.cpuMs);
  usage.close();
});

test("a process that has ended uses nothing", async () => {
  const child = spawn("sleep", ["1000"]);
  const usage = new Usage(child.pid!);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(usage.all).toEqual({ cpuMs: 0, peakMb: 0 });
  usage.close();
});
