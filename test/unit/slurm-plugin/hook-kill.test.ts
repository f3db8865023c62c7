// glean-prolog beside an executor that falls silent, lies or hangs: it kills the executor with
// everything that it started, and nobody else.

import { once } from "node:events";
import * as fs from "node:fs";
import type * as net from "node:net";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { suspend } from "../../../scripts/cluster/processes/suspend.js";
import { groupNamesOf } from "../../../src/executor/node/group-names.js";
import { alive, HookedNode, prolog, silent, startTicks } from "../../support/executor/hook.js";
import { makePlugin } from "../../support/executor/plugin.js";
import { removeGroup } from "../../support/executor/unified-group.js";

const isRoot = process.getuid?.() === 0;
const unified = "/sys/fs/cgroup/unified";
const withCgroup = isRoot && fs.existsSync(path.join(unified, "cgroup.procs")) ? test : test.skip;

let at: HookedNode;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new HookedNode();
});
afterEach(() => at.remove());

describe("without an answer the prolog kills the executor and all its processes", () => {
  const answers: [string, (socket: net.Socket) => void][] = [
    ["closes the connection", (socket) => socket.end()],
    ["answers with other words", (socket) => socket.end("ok\n")],
    ["answers half", (socket) => socket.end("freed 1\n")],
    ["answers more than it should", (socket) => socket.end("freed 1 2 3\n")],
    ["answers a sign", (socket) => socket.end("freed -1 2\n")],
    ["answers two lines", (socket) => socket.end("freed 1 2\nfreed 1 2\n")],
    ["answers a NUL", (socket) => socket.end("freed 1 2\0\n")],
    ["answers without an end", (socket) => socket.end("x".repeat(100_000))],
    ["never answers", () => at.configure()],
  ];
  test.each(answers)("when it %s", async (_name, answer) => {
    at.configure(["answerMs=150"]);
    const tree = await at.startTree();
    await at.listen(answer);
    expect(await at.run(prolog)).toEqual(silent);
    expect(alive(tree)).toEqual([]);
    expect(at.marks).toEqual(["12.1.-"]);
  });

  test("when it runs but does not listen", async () => {
    const tree = await at.startTree();
    expect(await at.run(prolog)).toEqual(silent);
    expect(alive(tree)).toEqual([]);
  });

  test("when it is stopped", async () => {
    at.configure(["answerMs=100"]);
    const script = `const s = require("net").createServer((c) => c.end("freed 0 0\\n")); s.listen(process.argv[1], () => console.log("up"))`;
    const socket = path.join(at.node, "hook.sock");
    const executor = at.start(process.execPath, ["-e", script, socket], "pipe");
    await once(executor.stdout!, "data");
    const pid = executor.pid ?? 0;
    at.writePid([`pid=${pid}`, `startTicks=${startTicks(pid)}`]);
    expect(await at.run(prolog)).toEqual(silent);
    expect(executor.exitCode).toBe(null); // it answers, so it lives
    await suspend(pid);
    const exit = once(executor, "exit");
    expect(await at.run(prolog)).toEqual(silent);
    expect(await exit).toEqual([null, "SIGKILL"]);
  });

  test("but no other process that now has the same pid", async () => {
    const tree = await at.startTree();
    at.writePid([`pid=${tree.pid}`, `startTicks=${Number(startTicks(tree.pid)) + 1}`]);
    expect(await at.run(prolog)).toEqual(silent);
    for (const lines of [
      ["pid=1", "startTicks=1"],
      [`pid=${tree.pid}`],
      ["pid"],
      ["pid=-1", "startTicks=0"],
      [],
    ]) {
      at.writePid(lines);
      expect(await at.run(prolog)).toEqual(silent);
    }
    expect(alive(tree)).toHaveLength(4);
  });

  test("by its pid when the recorded cgroup does not exist", async () => {
    const victim = path.join(at.folder, "cgroup.kill");
    fs.writeFileSync(victim, "untouched");
    const tree = await at.startTree([`kill=/sys/fs/cgroup/../../..${victim}`, `kill=${victim}`]);
    expect(await at.run(prolog)).toEqual(silent);
    expect(alive(tree)).toEqual([]);
    expect(fs.readFileSync(victim, "utf8")).toBe("untouched");
  });

  withCgroup("by its cgroup, sub-groups and orphans of the tree included", async () => {
    const group = fs.mkdtempSync(path.join(unified, "glean-hook-test-"));
    const inner = path.join(group, "attempt");
    fs.mkdirSync(inner);
    try {
      const tree = await at.startTree([`kill=${path.join(group, "cgroup.kill")}`]);
      // Its parent is this test, not the executor: only the cgroup ties it.
      const orphan = at.start("sleep", ["1000"]);
      for (const pid of [tree.pid, ...tree.pids])
        fs.writeFileSync(path.join(group, "cgroup.procs"), String(pid));
      fs.writeFileSync(path.join(inner, "cgroup.procs"), String(orphan.pid));
      const exit = once(orphan, "exit");
      expect(await at.run(prolog)).toEqual(silent);
      expect(alive(tree)).toEqual([]);
      expect(await exit).toEqual([null, "SIGKILL"]);
      expect(fs.readFileSync(path.join(group, "cgroup.events"), "utf8")).toContain("populated 0");
    } finally {
      await removeGroup(group);
    }
  });

  withCgroup.each([
    ["was removed", 0, () => fs.rmSync(at.node, { recursive: true }), ["killed.12"]],
    [
      "lost its executor.pid",
      3,
      () => fs.rmSync(path.join(at.node, "executor.pid")),
      ["killed.12"],
    ],
    ["was opened to others", 15, () => fs.chmodSync(at.node, 0o777), []],
  ])("by the name of its cgroup if it is stopped and its folder %s", async (...given) => {
    const [, number, spoil, notes] = given;
    const group = path.join(unified, groupNamesOf(at.runDirectory, "n2")[number]!);
    const inner = path.join(group, "work");
    fs.mkdirSync(inner, { recursive: true });
    try {
      const tree = await at.startTree();
      for (const pid of [tree.pid, ...tree.pids])
        fs.writeFileSync(path.join(inner, "cgroup.procs"), String(pid));
      await suspend(tree.pid);
      spoil();
      expect(await at.run(prolog)).toEqual(silent);
      expect(alive(tree)).toEqual([]);
      expect(at.notes).toEqual(notes);
    } finally {
      await removeGroup(group);
    }
  });

  withCgroup.each([
    ["one that is gone had nothing left", "gone", []],
    ["one that cannot be looked at may have something left", "cgroup.procs", ["late.12.*"]],
  ])("and records it for a report: with a cgroup, %s", async (_name, group, notes) => {
    // The executor itself is dead: what it ran may live on in its cgroup.
    at.writePid(["pid=4194303", "startTicks=1", `kill=${unified}/${group}/cgroup.kill`]);
    await at.listen((socket) => socket.end("ok\n"));
    expect(await at.run(prolog)).toEqual(silent);
    expect(at.notes).toEqual(notes);
  });

  test("and exits at its deadline, whatever answerMs is", async () => {
    at.configure(["answerMs=60000", "deadlineMs=300"]);
    await at.listen(() => undefined);
    expect(await at.run(prolog)).toEqual(silent);
  });
});
