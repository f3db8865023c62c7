// What a cgroup says of the processes that were in it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import type { AttemptGroup } from "../../../../src/executor/containment/containment.js";
import { MemoryKills } from "../../../../src/executor/workers/standby/memory-kills.js";
import { cpuMsOfGroup } from "../../../../src/executor/workers/standby/process-end.js";

const folder = mkdtempSync(join(tmpdir(), "gleaner-group-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A group of cgroup version 2 whose files are these. */
function groupWith(files: Readonly<Record<string, string>>): AttemptGroup {
  const at = mkdtempSync(join(folder, "group-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(at, name), text);
  const group = { killFile: join(at, "cgroup.kill"), joinFiles: [join(at, "cgroup.procs")] };
  return group as unknown as AttemptGroup;
}

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
