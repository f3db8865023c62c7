// What a cgroup says of the processes that were in it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import type { AttemptGroup } from "../../../../src/executor/containment/containment.js";
import { cpuMsOfGroup, oomKillsIn } from "../../../../src/executor/workers/standby/process-end.js";

const folder = mkdtempSync(join(tmpdir(), "gleaner-group-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A group of cgroup version 2 whose files are these. */
function groupWith(files: Readonly<Record<string, string>>): AttemptGroup {
  const at = mkdtempSync(join(folder, "group-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(at, name), text);
  const group = { killFile: join(at, "cgroup.kill"), joinFiles: [join(at, "cgroup.procs")] };
  return group as unknown as AttemptGroup;
}

test("its processor time and its kills are in units of ours", () => {
  const group = groupWith({
    "cpu.stat": "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n",
    "memory.events": "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n",
  });
  expect([cpuMsOfGroup(group), oomKillsIn(group)]).toEqual([1_235, 2]);
});

test("a group that is gone has used nothing", () => {
  const group = groupWith({});
  expect([cpuMsOfGroup(group), oomKillsIn(group)]).toEqual([0, 0]);
});
