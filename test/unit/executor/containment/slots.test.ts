// The groups that limit attempts, on this machine's cgroups: which of them serve the next attempt.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { AttemptOrder } from "../../../../src/wire/messages.js";
import { Programs, TestNode, until } from "../../../support/executor/executor.js";

const programs = new Programs();
let node: TestNode;
beforeAll(() => programs.make(), 120_000);
afterEach(async () => {
  expect(await node.remove()).toEqual([]);
});
afterAll(() => programs.remove());

const mount = "/sys/fs/cgroup";
const hasGroups = ["memory", "cgroup.controllers"].some((name) => existsSync(join(mount, name)));
const withGroups = hasGroups && process.getuid?.() === 0 ? test : test.skip;

/** The slot in which a command runs. */
async function slotOf(order: AttemptOrder): Promise<string> {
  await node.finish(order);
  return /slot-\d+/.exec(node.output(order))![0];
}

const listing = (change: Partial<AttemptOrder> = {}) => node.shell("cat /proc/self/cgroup", change);

/** Longer than a group rests. */
const rest = () => new Promise((resolve) => setTimeout(resolve, 300));

/** An attempt has this slot; on a busy machine the executor may keep a group for longer. */
async function isServedAgain(slot: string, make = listing): Promise<void> {
  while ((await slotOf(make())) !== slot) await rest();
}

async function start(): Promise<void> {
  node = await TestNode.make(programs);
  await node.start();
}

withGroups("an attempt gets the group of an earlier one that needed the same", async () => {
  await start();
  const first = await slotOf(listing());
  await rest();
  expect(await slotOf(listing({ memoryMb: 200 }))).not.toBe(first);
  await isServedAgain(first);
});

withGroups("the name of its group, below the node's, has its amounts", async () => {
  await start();
  const order = await node.run(node.shell("cat /proc/self/cgroup; sleep 1000"));
  await until(() => /\/slot-\d+@1c100m\n/.test(node.output(order)));
  node.daemon.send({ type: "cancel", key: order });
  await node.daemon.report(order);
});

withGroups("a group whose limits were lifted to kill an attempt serves no other", async () => {
  await start();
  const order = await node.run(
    node.shell("trap '' TERM; cat /proc/self/cgroup; sleep 1000 & wait; wait"),
  );
  await node.prints(order, "slot-");
  const killed = /slot-\d+/.exec(node.output(order))![0];
  node.daemon.send({ type: "cancel", key: order });
  await node.daemon.report(order);
  await rest();
  expect(await slotOf(listing())).not.toBe(killed);
});

withGroups("a group whose attempt was killed with what it had started serves another", async () => {
  await start();
  const used = await slotOf(node.shell("(sleep 1000 &); cat /proc/self/cgroup"));
  await rest();
  await isServedAgain(used, () => node.shell("cat /proc/self/cgroup; sleep 0.1"));
});

withGroups("a group in which an attempt left memory serves no other", async () => {
  await start();
  const writes = `head -c 30000000 /dev/zero > ${node.work}/file; cat /proc/self/cgroup`;
  const used = await slotOf(node.shell(writes));
  await rest();
  expect(await slotOf(listing())).not.toBe(used);
});

withGroups(
  "the memory of an attempt is that of all its processes, without cached files",
  async () => {
    await start();
    // Each tail holds 19 MB until all three do.
    const all = `until [ -e ${node.work}/1 -a -e ${node.work}/2 -a -e ${node.work}/3 ]; do sleep 0.1; done`;
    const hold = (name: number) =>
      `(head -c 20000000 /dev/zero; touch ${node.work}/${name}; ${all}) | tail -c 20000000 > /dev/null &`;
    const together = node.shell(`cat /proc/self/cgroup; ${hold(1)} ${hold(2)} ${hold(3)} wait`);
    expect((await node.finish(together)).maxRssMb).toBeGreaterThanOrEqual(50);
    // A group that has served another attempt counts anew.
    let next: AttemptOrder;
    do {
      await rest();
      next = listing();
      expect((await node.finish(next)).maxRssMb).toBeLessThan(20);
    } while (node.output(next) !== node.output(together));
    const writes = node.shell(`head -c 40000000 /dev/zero > ${node.work}/file`);
    expect((await node.finish(writes)).maxRssMb).toBeLessThan(20);
  },
);

withGroups(
  "an executor that leaves waits for a process that is slow to go from its groups",
  async () => {
    await start();
    const group = node.groups().find((each) => existsSync(join(each, "self")))!;
    const slow = spawn("sleep", ["600"], { stdio: "ignore" });
    const exited = once(slow, "exit");
    try {
      writeFileSync(join(group, "self", "cgroup.procs"), String(slow.pid));
      node.signal("SIGTERM");
      await node.daemon.hears("leaving");
      await rest();
    } finally {
      slow.kill("SIGKILL");
    }
    await exited;
  },
);
