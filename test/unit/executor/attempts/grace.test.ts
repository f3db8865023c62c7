// glean-executor and functions that requested a notice: when they get it, what their end then
// means, what happens to their folders.

import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { LaunchSpec } from "../../../../src/wire/launch.js";
import type { AttemptOrder } from "../../../../src/wire/messages.js";
import { Programs, TestNode, until } from "../../../support/executor/executor.js";

jest.setTimeout(600_000);
const programs = new Programs();
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;
const term = 15;
/** Longer than any test; what is foreseen then is far enough ahead. */
const farMs = 3_600_000;

/** Prints `up` when it may be told, `told` when it was, and leaves with that exit code. */
const leaves = (exitCode: number) => `trap 'echo told; exit ${exitCode}' TERM; echo up
  while :; do sleep 0.05; done`;
/** Is told, and stays. */
const stays = "trap 'echo told' TERM; echo up; while :; do sleep 0.05; done";

describeAsRoot("functions that asked for a notice", () => {
  let node: TestNode;
  beforeAll(() => programs.make());
  afterAll(() => programs.remove());
  const start = async (change: Partial<LaunchSpec> = {}) => {
    node = await TestNode.make(programs, change);
    await node.start();
  };
  afterEach(async () => {
    expect(await node.remove()).toEqual([]);
  });

  const asking = (script: string, leadMs = farMs, change: Partial<AttemptOrder> = {}) =>
    node.shell(script, {
      notice: { signal: term, leadMs, mainOnly: false },
      timeLimitMs: 2 * farMs,
      stderrPath: "/dev/null", // where a shell says what became of its children
      ...change,
    });
  /** Runs it until it may be told. */
  const up = async (order: AttemptOrder) => {
    await node.run(order);
    await node.prints(order, "up\n");
    return order;
  };

  test("get it before their time limit, and end TIMEOUT if it kills them, else with their own end", async () => {
    await start();
    const limit = { timeLimitMs: 1_000_000 };
    const handled = await node.finish(asking(leaves(0), limit.timeLimitMs - 1_500, limit));
    expect(handled).toMatchObject({ end: "COMPLETED", exitCode: 0 });
    const failed = await node.finish(asking(leaves(7), limit.timeLimitMs - 1_500, limit));
    expect(failed).toMatchObject({ end: "FAILED", exitCode: 7 });
    const order = asking("exec sleep 1000", limit.timeLimitMs - 1_500, limit);
    const died = await node.finish(order);
    expect(died).toMatchObject({ end: "TIMEOUT", signal: term });
    expect(died.reason).toContain("before its time limit of 1000000 ms");
  });

  test("get it before the hole's forecast end: with exit 0 they complete, otherwise they run again elsewhere", async () => {
    await start();
    const done = await up(asking(leaves(0)));
    const leaving = await up(asking(leaves(75)));
    const dying = await up(asking("echo up; exec sleep 1000"));
    const other = await up(node.shell(leaves(75), { stderrPath: "/dev/null" }));
    node.daemon.send({ type: "foresee", inMs: 0, reason: "Slurm plans to use n1 soon" });
    expect(await node.daemon.report(done)).toMatchObject({ end: "COMPLETED", exitCode: 0 });
    const left = await node.daemon.report(leaving);
    expect(left).toMatchObject({ end: "EVICTED", exitCode: 75 });
    expect(left.reason).toContain("it left after its notice: Slurm plans to use n1 soon");
    expect(await node.daemon.report(dying)).toMatchObject({ end: "EVICTED", signal: term });
    // It did not ask, so it heard nothing: otherwise it would have left by itself.
    node.daemon.send({ type: "cancel", key: other });
    expect(await node.daemon.report(other)).toMatchObject({ end: "CANCELLED" });
  });

  test("get none while the end is further away than requested, or if it is withdrawn", async () => {
    await start();
    const order = await up(asking(leaves(0), 1_000));
    node.daemon.send({ type: "foresee", inMs: farMs, reason: "far" });
    node.daemon.send({ type: "foresee", inMs: null, reason: "nothing" });
    node.daemon.send({ type: "cancel", key: order });
    expect(await node.daemon.report(order)).toMatchObject({ end: "CANCELLED" });
  });

  test("that began in a hole with a known end get it no earlier than at half of that time", async () => {
    await start();
    node.daemon.send({ type: "foresee", inMs: farMs, reason: "far" });
    expect(await node.finish(asking("echo up; exit 0"))).toMatchObject({ end: "COMPLETED" });
    const order = await up(asking(stays));
    node.daemon.send({ type: "cancel", key: order });
    await node.daemon.report(order);
    // The cancel's SIGTERM is the only one it got; on a slow machine SIGKILL comes before it says
    // so.
    expect(["up\n", "up\ntold\n"]).toContain(node.output(order));
  });

  test("get it once, however often the planned end moves", async () => {
    await start();
    const order = await up(asking(stays));
    for (const inMs of [0, 5, 0])
      node.daemon.send({ type: "foresee", inMs, reason: "Slurm plans to use n1 soon" });
    await node.prints(order, "told\n");
    const probe = await node.finish(node.shell("exit 0"));
    expect(probe.end).toBe("COMPLETED");
    expect(node.output(order)).toBe("up\ntold\n");
    node.daemon.send({ type: "stop", reason: "enough" });
    expect((await node.daemon.report(order)).end).toBe("EVICTED");
  });

  test("get it when the node is drained, and may run to their end", async () => {
    await start();
    const go = join(node.folder, "go");
    const staying = await up(
      asking(`trap 'echo told' TERM; echo up; while [ ! -e ${go} ]; do sleep 0.02; done`),
    );
    const leaving = await up(asking(leaves(1)));
    node.daemon.send({ type: "drain", reason: "drained by ada" });
    const left = await node.daemon.report(leaving);
    expect(left.end).toBe("EVICTED");
    expect(left.reason).toContain("drained by ada");
    await node.prints(staying, "told\n");
    writeFileSync(go, "");
    expect(await node.daemon.report(staying)).toMatchObject({ end: "COMPLETED" });
    expect(await node.exited()).toBe(0);
  });

  test("get their time when the executor leaves and no job waits; others end at once", async () => {
    await start();
    const go = join(node.folder, "go");
    const saving = await up(
      asking(`trap 'echo told; while [ ! -e ${go} ]; do sleep 0.02; done; exit 9' TERM
        echo up; while :; do sleep 0.05; done`),
    );
    const other = await up(node.shell(stays, { stderrPath: "/dev/null" }));
    node.daemon.send({ type: "stop", reason: "drained by ada", graceMs: farMs });
    expect(await node.daemon.report(other)).toMatchObject({ end: "EVICTED", signal: 9 });
    await node.prints(saving, "told\n");
    writeFileSync(go, "");
    expect(await node.daemon.report(saving)).toMatchObject({ end: "EVICTED", exitCode: 9 });
    expect(await node.exited()).toBe(0);
  });

  test("are killed when their time is over, or at once when a job needs the node", async () => {
    await start();
    const order = await up(asking(stays));
    node.daemon.send({ type: "stop", reason: "drained by ada", graceMs: farMs });
    await node.prints(order, "told\n");
    expect(await node.hook("prolog", 7, 16)).toBe(0);
    expect(await node.daemon.report(order)).toMatchObject({ end: "EVICTED", signal: 9 });
    expect(await node.exited()).toBe(0);
    expect(await node.remove()).toEqual([]);
    await start();
    const late = await up(asking(stays));
    node.daemon.send({ type: "stop", reason: "drained by ada", graceMs: 1 });
    expect(await node.daemon.report(late)).toMatchObject({ end: "EVICTED", signal: 9 });
  });

  test("are killed without a notice when a job's prolog reports", async () => {
    await start();
    const order = await up(asking(stays));
    expect(await node.hook("prolog", 7, 16)).toBe(0);
    expect(await node.daemon.report(order)).toMatchObject({ end: "EVICTED", signal: 9 });
    expect(node.output(order)).toBe("up\n");
  });

  test("find an earlier attempt's files in their folder, which is removed on order, as its owner", async () => {
    await start();
    const checkpointDirectory = join(node.work, ".gleaner-checkpoint-1-abc");
    const environment = { PATH: "/usr/bin:/bin", GLEANER_CHECKPOINT_DIR: checkpointDirectory };
    const script = `cd "$GLEANER_CHECKPOINT_DIR"; echo up; [ -e n ] && exit 0; mkdir -p a/b; ln -s / a/root; echo 1 > n; exec sleep 1000`;
    const first = await up(asking(script, farMs, { checkpointDirectory, environment }));
    const state = join(checkpointDirectory, "n");
    await until(() => existsSync(state) && readFileSync(state, "utf8") === "1\n");
    node.daemon.send({ type: "foresee", inMs: 0, reason: "Slurm plans to use n1 soon" });
    expect((await node.daemon.report(first)).end).toBe("EVICTED");
    expect(readFileSync(join(checkpointDirectory, "n"), "utf8")).toBe("1\n");
    const second = { ...first, attempt: 2 };
    expect(await node.finish(second)).toMatchObject({ end: "COMPLETED" });
    const owner = { invocation: first.invocation, uid: first.uid, gid: first.gid };
    const order = { ...owner, user: first.user, path: checkpointDirectory };
    node.daemon.send({ type: "removeCheckpoint", order });
    expect(await node.daemon.hears("checkpointRemoved")).toMatchObject({ problem: null });
    expect(existsSync(checkpointDirectory)).toBe(false);
  });

  test("cannot make the executor remove anything that is not theirs", async () => {
    await start();
    const theirs = join(node.folder, "theirs");
    mkdirSync(theirs);
    writeFileSync(join(theirs, "file"), "");
    const link = join(node.work, "link");
    symlinkSync(theirs, link);
    const owner = { uid: 65_534, gid: 65_534, user: "nobody" };
    const refused = [
      [theirs, "is not the checkpoint folder that was created there"],
      [`${link}/file`, "cannot be opened: Not a directory"],
    ] as const;
    for (const [at, [path, problem]] of refused.entries()) {
      const invocation = (at + 1) as AttemptOrder["invocation"];
      node.daemon.send({ type: "removeCheckpoint", order: { ...owner, invocation, path } });
      const answer = await node.daemon.hears(
        "checkpointRemoved",
        (each) => each.invocation === invocation,
      );
      expect(answer.problem).toContain(problem);
    }
    expect(existsSync(join(theirs, "file"))).toBe(true);
  });
});
