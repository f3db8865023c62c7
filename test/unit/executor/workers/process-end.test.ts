// What the kernel says of processes: of one whose first thread has ended, and of those that were in
// a cgroup.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import type { AttemptGroup } from "../../../../src/executor/containment/containment.js";
import { readProcessStat, startTicksOf } from "../../../../src/executor/node/processes.js";
import { MemoryKills } from "../../../../src/executor/workers/standby/memory-kills.js";
import { cpuMsOfGroup, endOf } from "../../../../src/executor/workers/standby/process-end.js";

const folder = mkdtempSync(join(tmpdir(), "gleaner-group-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A group of cgroup version 2 whose files are these. */
function groupWith(files: Readonly<Record<string, string>>): AttemptGroup {
  const at = mkdtempSync(join(folder, "group-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(at, name), text);
  const group = { killFile: join(at, "cgroup.kill"), joinFiles: [join(at, "cgroup.procs")] };
  return group as unknown as AttemptGroup;
}

/** Its first thread ends when its second one has printed a line, and that one with its input. */
const withoutItsFirstThread = `
import ctypes, os, threading
main = threading.main_thread().native_id
def second():
    while b"State:\tZ" not in open(f"/proc/self/task/{main}/status", "rb").read(): pass
    os.write(1, b"alone")
    os.read(0, 1)
    os._exit(3)
threading.Thread(target=second).start()
ctypes.CDLL(None).pthread_exit(None)
`;

test("a process runs until its last thread has ended", async () => {
  const child = spawn("python3", ["-c", withoutItsFirstThread], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  expect(readProcessStat(child.pid!)).toMatchObject({ state: "Z", threads: 2 });
  expect(endOf(child.pid!)).toBeNull();
  expect(startTicksOf(child.pid!)).toMatch(/^\d+$/);
  child.stdin.end();
  expect(await once(child, "exit")).toEqual([3, null]);
  expect(endOf(child.pid!)).toBe("gone");
});

test("its processor time is in units of ours", () => {
  const group = groupWith({
    "cpu.stat": "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n",
  });
  expect(cpuMsOfGroup(group)).toBe(1_235);
});

const events = (oom: number, kills: number) => ({
  "memory.events": `low 0\nhigh 0\nmax 7\noom ${oom}\noom_kill ${kills}\noom_group_kill 1\n`,
});
const control = (kills: number, peakMb: number) => ({
  "memory.oom_control": `oom_kill_disable 0\nunder_oom 0\noom_kill ${kills}\n`,
  "memory.max_usage_in_bytes": `${peakMb * 1_024 * 1_024}\n`,
  "memory.limit_in_bytes": `${200 * 1_024 * 1_024}\n`,
});
const swapping = (kills: number, peakMb: number, withSwapMb: number) => ({
  ...control(kills, peakMb),
  "memory.memsw.max_usage_in_bytes": `${withSwapMb * 1_024 * 1_024}\n`,
  "memory.memsw.limit_in_bytes": `${200 * 1_024 * 1_024}\n`,
});
const full = { oomKills: 2, nodeWasFull: true };

test.each([
  ["version 2, nothing was killed", events(3, 1), events(3, 1), { oomKills: 0 }],
  ["version 2, at its own limit", events(3, 1), events(4, 3), { oomKills: 2 }],
  ["version 2, below its own limit", events(3, 1), events(3, 3), full],
  ["version 1, at its own limit", control(1, 3), control(3, 200), { oomKills: 2 }],
  ["version 1, at most a large page below it", control(1, 3), control(3, 198), { oomKills: 2 }],
  ["version 1, below its own limit", control(1, 3), control(3, 197), full],
  ["version 1, at its limit with swap", swapping(1, 3, 3), swapping(3, 90, 200), { oomKills: 2 }],
  ["version 1, below both limits", swapping(1, 3, 3), swapping(3, 90, 150), full],
])("its kills since its begin: %s", (_what, before, now, expected) => {
  const group = groupWith(before);
  const kills = new MemoryKills(group);
  for (const [name, text] of Object.entries(now))
    writeFileSync(join(dirname(group.joinFiles[0]!), name), text);
  expect(kills.found).toEqual(expected);
  kills.close();
});

test("a group that is gone has used nothing", () => {
  const group = groupWith({});
  expect([cpuMsOfGroup(group), new MemoryKills(group).found]).toEqual([0, { oomKills: 0 }]);
});
