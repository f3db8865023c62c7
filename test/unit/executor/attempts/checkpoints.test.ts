// The executor's removal of checkpoint folders: one after another, and one that cannot begin delays
// none behind it.

import { expect, test } from "@jest/globals";
import { CheckpointRemover } from "../../../../src/executor/attempts/checkpoints.js";
import { processGroups } from "../../../../src/executor/containment/process-groups.js";
import type { ProcessEnd } from "../../../../src/executor/runtimes/runtime.js";
import type { Spawning } from "../../../../src/executor/runtimes/spawner.js";
import { invocationId } from "../../../../src/model/ids.js";
import type { Resources } from "../../../../src/model/resources.js";

const owner = { uid: 65_534, gid: 65_534, user: "nobody" };
const orderOf = (id: number) => ({
  ...owner,
  invocation: invocationId(id),
  path: `/home/state/${id}`,
});
const success: ProcessEnd = {
  kind: "ended",
  exitCode: 0,
  signal: 0,
  startNs: 0n,
  endNs: 0n,
  cpuMs: 0,
  maxRssMb: 1,
  oomKills: 0,
  brokenProcessLimit: null,
};

/** A remover whose groups are refused for some ids, and whose commands end when told. */
function removerRefused(...refused: number[]) {
  const done: [number, string | null][] = [];
  const ends: ((end: ProcessEnd) => void)[] = [];
  const containment = {
    ...processGroups,
    openGroup: (name: string, need: Resources) => {
      if (refused.includes(Number(name.split(".")[1]))) throw new Error("no space left");
      return processGroups.openGroup(name, need);
    },
  };
  const start: Spawning["start"] = (_order, _group, events) => {
    ends.push((end) => events.onEnd(end));
    return { terminate: () => {}, notify: () => {}, kill: () => {} };
  };
  const tell = (id: number, problem: string | null) => done.push([id, problem]);
  return { remover: new CheckpointRemover(containment, { start }, tell), done, ends };
}

test("folders are removed one at a time, and each removal is reported", () => {
  const { remover, done, ends } = removerRefused();
  for (const id of [1, 2, 2]) remover.remove(orderOf(id));
  expect(ends).toHaveLength(1);
  ends[0]!(success);
  expect(ends).toHaveLength(2);
  ends[1]!({ ...success, exitCode: 1 });
  expect(done).toEqual([
    [1, null],
    [2, "the removal failed with exit code 1"],
  ]);
  expect(ends).toHaveLength(2);
});

test("a removal without a cgroup is reported, and the next one begins", () => {
  const { remover, done, ends } = removerRefused(2, 3);
  for (const id of [1, 2, 3, 4]) remover.remove(orderOf(id));
  ends[0]!(success);
  const why = "the node could not create a cgroup: no space left";
  expect(done).toEqual([
    [1, null],
    [2, why],
    [3, why],
  ]);
  expect(ends).toHaveLength(2);
  ends[1]!(success);
  expect(done.at(-1)).toEqual([4, null]);
});
