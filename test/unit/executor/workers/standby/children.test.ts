// Forked Python workers that stand by on a real node: who gets one, when it goes, and that one
// which is killed, or a parent that dies or lies while it forks it, costs nothing but time.

import { writeFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { callingNode, resultOf } from "../../../../support/executor/calling-node.js";
import { until } from "../../../../support/executor/executor.js";
import { isFrozen } from "../../../../support/executor/frozen.js";
import type { FunctionCode } from "../../../../support/executor/function-code.js";
import {
  family,
  type Member,
  PythonFamily,
  parentOf,
} from "../../../../support/executor/python-family.js";

const at = callingNode();
const { python, pythons, children, standingBy } = new PythonFamily(at);

describe("a child that stands by", () => {
  test("is the next worker, after which there is another one", async () => {
    const code = await python(family);
    await at.node.run(at.order(code, 600));
    const first = await standingBy();
    await at.node.run(at.order(code, 600));
    expect(isFrozen(first)).toBe(false);
    const second = await standingBy();
    expect(second).not.toBe(first);
    const { pid, parent, importedBy } = resultOf(await at.call(code)) as Member;
    expect(pid).toBe(second);
    expect(importedBy).toBe(parent);
  });

  test("is not missed if it was killed", async () => {
    const code = await python(family);
    await at.node.run(at.order(code, 600));
    const child = await standingBy();
    process.kill(child, "SIGKILL");
    expect((resultOf(await at.call(code)) as Member).pid).not.toBe(child);
    await until(() => !pythons().includes(child));
  });

  test("is of no other size, nor of another user", async () => {
    const code = await python(family);
    await at.node.run(at.order(code, 600));
    const child = await standingBy();
    for (const change of [{ memoryMb: 200 }, { uid: 65_533, gid: 65_533, user: "another" }])
      expect((resultOf(await at.call(code, null, change)) as Member).pid).not.toBe(child);
  });

  test("goes before its parent when others need its memory", async () => {
    const code = await python(family, { idleTimeoutMs: 1 });
    await at.node.run(at.order(code, 600, { memoryMb: 2_000 }));
    const child = await standingBy();
    await at.node.run(at.node.order(["sleep", "600"], { memoryMb: 3_000 }));
    await until(() => !pythons().includes(child));
    expect(pythons()).toHaveLength(2);
  });

  test("keeps its parent no longer than that would stay without it", async () => {
    const code = await python(family, { idleTimeoutMs: 1 });
    const busy = await at.node.run(at.order(code, 600));
    await standingBy();
    at.daemon.send({ type: "cancel", key: busy });
    await until(() => pythons().length === 0);
  });

  test("is gone when a job takes the node, and with its parent", async () => {
    const code = await python(family);
    await at.node.run(at.order(code, 600));
    const child = await standingBy();
    process.kill(parentOf(child), "SIGKILL");
    await until(() => children().length === 0 && pythons().length === 1);
    await at.node.run(at.order(code, 600));
    await standingBy();
    expect(await at.node.hook("prolog", 1, 16)).toBe(0);
    expect(pythons()).toEqual([]);
  });
});

describe("a child that is just being forked", () => {
  /** `during`: what the parent does in the second fork, once the test has made a file. */
  const slow = (during: string) => `import os, signal, sys, time
real, forks = os.fork, 0
def fork():
    if sys._getframe(1).f_code.co_name != "_fork": return real()
    global forks
    forks += 1
    if forks == 2:
        while not os.path.exists("${at.node.work}/go"): time.sleep(0.01)
        ${during}
    return real()
os.fork = fork
def handler(seconds):
    time.sleep(seconds)
    return forks`;

  /** Its parent forks while a call is in its first worker. */
  async function beingForked(during: string): Promise<FunctionCode> {
    const code = await python(slow(during));
    await at.node.run(at.order(code, 600));
    await until(() => pythons().length === 2 && !pythons().some(isFrozen));
    return code;
  }

  test.each([
    ["is the worker of a call that comes meanwhile", "pass", 2],
    ["costs that only time if its parent is killed", "os.kill(os.getpid(), signal.SIGKILL)", 0],
    ["costs that only time if its parent lies", "return os.getpid()", 0],
  ])("%s", async (_what, during, forks) => {
    const code = await beingForked(during);
    const next = at.order(code, 0);
    at.daemon.send({ type: "start", order: next });
    await at.node.finish(at.node.order(["true"])); // by then the call waits
    writeFileSync(`${at.node.work}/go`, "");
    expect(resultOf(await at.daemon.report(next))).toBe(forks);
  });

  test("is ended with its parent when a job comes, for no call holds its core", async () => {
    await beingForked("pass");
    expect(await at.node.hook("prolog", 1, 1)).toBe(0);
    await until(() => pythons().length === 1);
    expect(await at.node.hook("prolog", 2, 15)).toBe(0);
    expect(pythons()).toEqual([]);
  });

  test("is given up with the call that waits for it", async () => {
    const code = await beingForked("pass");
    const next = at.order(code, 0);
    at.daemon.send({ type: "start", order: next });
    await at.node.finish(at.node.order(["true"]));
    at.daemon.send({ type: "cancel", key: next });
    expect(await at.daemon.report(next)).toMatchObject({ end: "CANCELLED" });
    await until(() => pythons().length === 1);
  });
});
