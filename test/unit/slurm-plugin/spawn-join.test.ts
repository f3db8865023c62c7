// How a command of glean-spawn gets into its cgroups: born in one, entering others, moved by its
// supervisor where it may not.

import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { until } from "../../support/executor/executor.js";
import { makePlugin } from "../../support/executor/plugin.js";
import { type Field, SpawnFolder } from "../../support/executor/spawn.js";
import { removeGroup } from "../../support/executor/unified-group.js";

const mount = "/sys/fs/cgroup";
const unified = [path.join(mount, "unified"), mount].find((root) =>
  fs.existsSync(path.join(root, "cgroup.procs")),
);
/** Of version 1. */
const others = ["cpu", "memory", "pids"]
  .map((name) => path.join(mount, name))
  .filter((root) => fs.existsSync(path.join(root, "tasks")));
const withCgroup = process.getuid?.() === 0 && unified !== undefined ? test : test.skip;

let at: SpawnFolder;
let groups: string[];
let fields: Field[];
let own: string;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new SpawnFolder();
  if (unified === undefined) return;
  groups = [...others, unified].map((root) => fs.mkdtempSync(path.join(root, "glean-join-test-")));
  own = groups.at(-1)!;
  fields = groups.map((group): Field => ["join", path.join(group, "cgroup.procs")]);
  fields.push(["kill", path.join(own, "cgroup.kill")]);
});
afterEach(async () => {
  at.remove();
  if (unified === undefined) return;
  await removeGroup(own);
  for (const group of groups) if (group !== own) fs.rmdirSync(group);
});

const isOccupied = () =>
  fs.readFileSync(path.join(own, "cgroup.events"), "utf8").includes("populated 1");

// Where cpu groups have real-time of their own, one without any cannot be entered at that priority.
withCgroup.each([0, 1_000])("with %d us of real-time it is in all of them", async (timeUs) => {
  for (const group of groups) {
    const file = path.join(group, "cpu.rt_runtime_us");
    if (fs.existsSync(file)) fs.writeFileSync(file, String(timeUs));
  }
  const words = await at.finish(
    at.command(["cat", "/proc/self/cgroup", "/proc/self/stat", "/proc/self/limits"], fields),
  );
  expect([words[1], words[2]]).toEqual(["0", "0"]);
  const said = at.output();
  for (const group of groups) expect(said).toContain(`/${path.basename(group)}\n`);
  const policy = /\) (?:\S+ ){38}(\d+) /.exec(said)![1];
  expect(policy).toBe("0");
  expect(said).toMatch(/Max realtime timeout +unlimited/);
});

withCgroup.each([false, true])(
  "it is born in the group of `kill`, and killed before it runs (%s: also its group)",
  async (kills) => {
    fs.writeFileSync(path.join(own, "cgroup.freeze"), "1");
    const attempt = at.launch(at.command(["true"], fields));
    await until(isOccupied);
    if (kills) fs.writeFileSync(path.join(own, "cgroup.kill"), "1");
    attempt.control.write("K");
    const lines = await attempt.all();
    expect(lines.at(-1)).toMatch(/^ended 0 9 /);
    expect(isOccupied()).toBe(false);
  },
);

// Kernels kill what is born in such a group.
withCgroup("it runs in a group of which all was killed before", async () => {
  fs.writeFileSync(path.join(own, "cgroup.kill"), "1");
  const lines = await at.launch(at.command(["cat", "/proc/self/cgroup"], fields)).all();
  expect(lines.map((line) => line.split(" ").slice(0, 1))).toEqual([["started"], ["ended"]]);
  for (const group of groups) expect(at.output()).toContain(`/${path.basename(group)}\n`);
});

withCgroup("a cgroup that refuses it ends it", async () => {
  fields.push(["join", path.join(mount, "no/such/cgroup.procs")]);
  const words = await at.finish(at.command(["true"], fields));
  expect(words.slice(0, 3)).toEqual(["failed", "join", "2"]);
  expect(isOccupied()).toBe(false);
});
