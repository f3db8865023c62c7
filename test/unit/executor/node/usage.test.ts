// What a process has used, from its files in /proc.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { peakMbOf, Usage } from "../../../../src/executor/node/usage.js";

test("memory that a process takes counts in its peak, and time in its time", async () => {
  const takenMb = 500;
  const program = `let taken;
process.stdin.once("data", () => {
  taken = Buffer.alloc(${takenMb} * 1024 * 1024, 1);
  console.log("taken");
});
console.log("ready");`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    const usage = new Usage(child.pid!);
    const before = usage.all;
    expect(before.peakMb).toBeLessThan(takenMb);
    child.stdin.write("take\n");
    await once(child.stdout, "data");
    // It may grow between two looks, and a peak never falls.
    const atLeastMb = peakMbOf(child.pid!);
    const after = usage.all;
    const atMostMb = peakMbOf(child.pid!);
    expect(after.peakMb).toBeGreaterThan(takenMb);
    expect(after.peakMb).toBeGreaterThanOrEqual(atLeastMb);
    expect(after.peakMb).toBeLessThanOrEqual(atMostMb);
    expect(after.cpuMs).toBeGreaterThanOrEqual(before.cpuMs);
    expect(usage.cpuMs).toBeGreaterThanOrEqual(after.cpuMs);
    usage.close();
  } finally {
    child.kill("SIGKILL");
  }
});

test("the time is that of the process, whatever it calls itself", async () => {
  const program = `process.title = "x) R 1 (2";
let ms = 0;
do {
  const { user, system } = process.cpuUsage();
  ms = (user + system) / 1_000;
} while (ms < 200);
console.log(ms);
setInterval(() => {}, 1_000_000);`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [said] = await once(child.stdout, "data");
    const usage = new Usage(child.pid!);
    expect(readFileSync(`/proc/${child.pid}/comm`, "utf8")).toBe("x) R 1 (2\n");
    const aTick = 10;
    expect(usage.cpuMs).toBeGreaterThanOrEqual(Number(said) - 2 * aTick);
    // It only waits from then on.
    expect(usage.cpuMs).toBeLessThan(Number(said) + 10_000);
    usage.close();
  } finally {
    child.kill("SIGKILL");
  }
});

test("a process that has ended uses nothing", async () => {
  const child = spawn("sleep", ["1000"]);
  const usage = new Usage(child.pid!);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(usage.all).toEqual({ cpuMs: 0, peakMb: 0 });
  usage.close();
});
