// Commands that cannot be started: who is to blame, where they are tried next, and when a node is
// left alone.

import { beforeEach, describe, expect, test } from "@jest/globals";
import { type Illness, mayTakeWork, SickNodes } from "../../../../src/core/capacity/sick-nodes.js";
import type { FailedStart } from "../../../../src/core/capacity/start-blame.js";
import { invocationId, type NodeName, nodeName } from "../../../../src/model/ids.js";
import { node } from "../../../support/nouns.js";

const [n1, n2, n3, n4] = ["n1", "n2", "n3", "n4"].map(nodeName) as [
  NodeName,
  NodeName,
  NodeName,
  NodeName,
];
const others = () => 3;
/** Of an invocation that is alone with its function. */
const avoided = (id: number, nowMs: number) => sick.avoidedBy(invocationId(id), `f${id}`, nowMs);
let sick: SickNodes;
let found: [NodeName, Illness][];

beforeEach(() => {
  found = [];
  sick = new SickNodes((where, illness) => found.push([where, illness]));
});

const start = (id: number, where: NodeName, change: Partial<FailedStart> = {}): FailedStart => ({
  invocation: invocationId(id),
  attempt: 1,
  functionKey: `f${id}`,
  user: "ann",
  node: where,
  stage: "chdir",
  errno: 2,
  message: "/home/ann/x cannot be the working directory",
  ...change,
});

describe("an invocation whose start failed", () => {
  test("is tried on another node; if it starts there, the first node is to blame", () => {
    const verdict = sick.failed(start(1, n1), others, 0);
    expect(verdict).toEqual({
      isFinal: false,
      reason:
        "/home/ann/x cannot be the working directory (on n1); it will be tried on another node first",
      maySuspectNode: true,
    });
    expect(avoided(1, 1)).toEqual([n1]);
    expect(avoided(2, 1)).toEqual([]);
    sick.started(start(1, n2), 10);
    expect(avoided(1, 60_009)).toEqual([n1]);
    expect(avoided(1, 1_000_000)).toEqual([]);
    expect(found).toEqual([]);
  });

  test("in the same way on another node is a user error, and both nodes are named", () => {
    sick.failed(start(1, n1), others, 0);
    const verdict = sick.failed(start(1, n2, { attempt: 2 }), others, 5);
    expect(verdict).toEqual({
      isFinal: true,
      reason: "/home/ann/x cannot be the working directory (on n2, after a try on n1)",
      maySuspectNode: false,
    });
    expect(avoided(1, 6)).toEqual([]);
  });

  test("delays the rest of its array until its outcome is known", () => {
    const task = (id: number, where: NodeName, attempt = 1) =>
      sick.failed(start(id, where, { functionKey: "array", attempt }), others, 0).isFinal;
    expect(task(1, n1)).toBe(false);
    expect(task(2, n2)).toBe(false);
    // Those that were tried go where they were not; fresh ones wait.
    expect(sick.avoidedBy(invocationId(1), "array", 1)).toEqual([n1]);
    expect(sick.avoidedBy(invocationId(2), "array", 1)).toEqual([n2]);
    expect(sick.avoidedBy(invocationId(3), "array", 1)).toEqual([n1, n2]);
    expect(task(1, n2, 2)).toBe(true);
    expect(sick.avoidedBy(invocationId(3), "array", 1)).toEqual([]);
  });

  test("of a function that starts elsewhere is tried on three nodes, because two may be sick", () => {
    sick.started(start(9, n4, { functionKey: "array" }), 0);
    const task = (where: NodeName, attempt: number) =>
      sick.failed(start(1, where, { functionKey: "array", attempt }), others, 1).isFinal;
    expect([task(n1, 1), task(n2, 2), task(n3, 3)]).toEqual([false, false, true]);
  });

  test("in another step on another node is tried on a third, but not on a fourth", () => {
    expect(sick.failed(start(1, n1), others, 0).isFinal).toBe(false);
    const second = start(1, n2, { attempt: 2, stage: "user" });
    expect(sick.failed(second, others, 0).isFinal).toBe(false);
    expect(avoided(1, 1)).toEqual([n1, n2]);
    const third = start(1, n3, { attempt: 3, stage: "open-stdout" });
    expect(sick.failed(third, others, 0).isFinal).toBe(true);
  });

  test.each([
    ["a script that is no program", { stage: "exec", errno: 8 }],
    ["more arguments than the kernel takes", { stage: "exec", errno: 7 }],
    ["a request that cannot be read", { stage: "request", errno: 22 }],
  ] as const)("because of %s is tried nowhere else", (_what, change) => {
    expect(sick.failed(start(1, n1, change), others, 0).isFinal).toBe(true);
  });

  test("fails if no other node could take it, unless the node is to blame", () => {
    const none = () => 0;
    expect(sick.failed(start(1, n1), none, 0).isFinal).toBe(true);
    const own = { stage: "join" } as const;
    expect(sick.failed(start(2, n1, own), none, 0).isFinal).toBe(false);
    expect(sick.failed(start(2, n1, { ...own, attempt: 2 }), none, 30_000).isFinal).toBe(false);
    expect(sick.failed(start(2, n1, { ...own, attempt: 3 }), none, 90_000).isFinal).toBe(true);
  });

  test.each([
    ["temporary", 28, false],
    ["temporary", 30, false],
    ["code", 28, false],
    ["code", 5, false],
    // what they asked for with --tmp, and their own quota
    ["temporary", 27, true],
    ["temporary", 122, true],
    ["open-stdout", 28, true],
  ] as const)("at %s with errno %d on two nodes is a user error: %s", (stage, errno, isError) => {
    sick.failed(start(1, n1, { stage, errno }), others, 0);
    const second = start(1, n2, { stage, errno, attempt: 2 });
    expect(sick.failed(second, others, 5).isFinal).toBe(isError);
  });

  test("is judged the same when the same attempt is reported again, as after a full disk", () => {
    const once = sick.failed(start(1, n1), others, 0);
    for (const again of [1, 2, 3]) expect(sick.failed(start(1, n1), others, again)).toEqual(once);
    expect(sick.failed(start(1, n2, { attempt: 2 }), others, 4).isFinal).toBe(true);
  });

  test("is forgotten when it ends in another way", () => {
    sick.failed(start(1, n1), others, 0);
    sick.forget(invocationId(1));
    sick.started(start(1, n2), 1);
    expect(sick.failed(start(1, n2, { attempt: 2 }), others, 2).isFinal).toBe(false);
  });
});

describe("a node", () => {
  const failsOnlyOn = (where: NodeName, user: string, id: number, nowMs: number) => {
    sick.failed(start(id, where, { user }), others, nowMs);
    sick.started(start(id, n4, { user }), nowMs);
  };

  test("where two users fail, and only there, is avoided, longer each time, with a sentence that names no file", () => {
    failsOnlyOn(n1, "ann", 1, 0);
    expect(sick.illness(n1, 1)).toBeNull();
    failsOnlyOn(n1, "bob", 2, 10);
    expect(found.map(([where]) => where)).toEqual([n1]);
    const { detail, untilMs } = sick.illness(n1, 11)!;
    expect(detail).toBe(
      "commands of 2 users could not be started there (the last: the working directory cannot be entered)",
    );
    expect(untilMs).toBe(60_010);
    expect(sick.illness(n1, 60_010)).toBeNull();
    failsOnlyOn(n1, "ann", 3, 70_000);
    failsOnlyOn(n1, "cyd", 4, 70_000);
    expect(sick.illness(n1, 70_001)!.untilMs).toBe(190_000);
  });

  test("where one user fails often, and only there, is avoided too", () => {
    for (const id of [1, 2, 3, 4]) failsOnlyOn(n1, "ann", id, id);
    expect(found).toEqual([]);
    failsOnlyOn(n1, "ann", 5, 5);
    expect(found).toHaveLength(1);
  });

  test("where users make errors of their own is not avoided", () => {
    for (const [id, user] of [...Array(20).keys()].map((id) => [id + 1, `u${id}`] as const)) {
      sick.failed(start(id, n1, { user }), others, id);
      sick.failed(start(id, n2, { user, attempt: 2 }), others, id);
    }
    expect(found).toEqual([]);
  });

  test("is cleared of a user whose next command starts there, and of old failures", () => {
    failsOnlyOn(n1, "ann", 1, 0);
    sick.started(start(9, n1, { user: "ann" }), 5);
    failsOnlyOn(n1, "bob", 2, 10);
    failsOnlyOn(n1, "cyd", 3, 1_000_000);
    expect(found).toEqual([]);
  });

  test("that cannot create a cgroup is to blame by itself", () => {
    const own = { stage: "join" } as const;
    sick.failed(start(1, n1, own), others, 0);
    sick.failed(start(2, n1, { ...own, user: "bob" }), others, 0);
    expect(found.map(([where]) => where)).toEqual([n1]);
  });
});

test("another node counts if it is large enough and has a hole or may have one again", () => {
  const need = { cores: 8, memoryMb: 1_000, gpus: 0 };
  expect(mayTakeWork(node(), null, need)).toBe(true);
  expect(mayTakeWork(node(), { kind: "full" }, need)).toBe(true);
  expect(mayTakeWork(node(), { kind: "drained", by: "root" }, need)).toBe(true);
  expect(mayTakeWork(node(), { kind: "partition", partition: "other" }, need)).toBe(false);
  expect(mayTakeWork(node(), null, { ...need, cores: 17 })).toBe(false);
  expect(mayTakeWork(node(), null, { ...need, gpus: 1 })).toBe(false);
  expect(mayTakeWork(node(), null, { ...need, memoryMb: 32_001 })).toBe(false);
  const all = { cores: 16, memoryMb: 32_000, gpus: 2 };
  expect(mayTakeWork(node({ gpuCount: 2 }), null, all)).toBe(true);
});
