// The processes of a local cluster: which of them end with it, how the end of one is told, and what
// is removed after them.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { runCommand } from "../../../scripts/cluster/command.js";
import { clusterFolder, createFolder } from "../../../scripts/cluster/folder.js";
import { findProcesses, stopProcesses } from "../../../scripts/cluster/processes/processes.js";
import { stopCluster } from "../../../scripts/cluster/processes/stop.js";
import { groupNamesOf } from "../../../src/executor/node/group-names.js";
import { prefixOf } from "../../../src/executor/runtimes/temporary-folder.js";
import { nodeName } from "../../../src/model/ids.js";

const dir = mkdtempSync(join(tmpdir(), "gleaner-cluster-"));
const folder = clusterFolder(dir);
const children: ChildProcess[] = [];

async function begin(home: string): Promise<ChildProcess> {
  const child = spawn("/bin/sleep", ["600"], { env: { SLURM_CONF: folder.slurmConf, HOME: home } });
  children.push(child);
  await once(child, "spawn");
  return child;
}

afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
});

test("A program with its home in the folder ends with the cluster, and a shell that uses it does not", async () => {
  const tool = await begin(join(dir, "work/tool"));
  const shell = await begin("/root");
  expect(findProcesses(folder).map(({ pid }) => pid)).toEqual([tool.pid]);
  const ended = once(tool, "exit");
  await stopProcesses(folder);
  expect(await ended).toEqual([null, "SIGKILL"]);
  expect(shell.exitCode ?? shell.signalCode).toBeNull();
});

test("Stopping a cluster removes what executors of its nodes left for temporary files", async () => {
  const own = createFolder(mkdtempSync(join(tmpdir(), "gleaner-cluster-")), ["n1"], 0);
  const runDirectory = join(own.gleaner, "run");
  const left = ["n1", "n2"].map((name) =>
    mkdtempSync(join("/tmp", prefixOf({ runDirectory, node: nodeName(name) }))),
  );
  try {
    await stopCluster(own);
    expect([...left, own.dir].map((path) => existsSync(path))).toEqual([false, true, false]);
  } finally {
    for (const path of left) rmSync(path, { recursive: true, force: true });
  }
});

const offersGroups = existsSync("/sys/fs/cgroup/cgroup.controllers")
  ? ["/sys/fs/cgroup"]
  : ["cpu", "memory", "unified"].map((name) => `/sys/fs/cgroup/${name}`);
const groupsAreHere = offersGroups.every((mount) => existsSync(join(mount, "cgroup.procs")));

(groupsAreHere ? test : test.skip)(
  "Stopping a cluster removes the cgroups that executors of its nodes left",
  async () => {
    const own = createFolder(mkdtempSync(join(tmpdir(), "gleaner-cluster-")), ["n1", "n2"], 0);
    const runDirectory = join(own.gleaner, "run");
    mkdirSync(runDirectory, { recursive: true });
    const names = [groupNamesOf(runDirectory, "n1")[0]!, groupNamesOf(runDirectory, "n2")[1]!];
    const left = names.flatMap((name) => offersGroups.map((mount) => join(mount, name)));
    for (const group of left) mkdirSync(join(group, "work", "slot-1"), { recursive: true });
    await stopCluster(own);
    expect(left.filter((group) => existsSync(group))).toEqual([]);
  },
);

test("A command that dies of SIGPIPE has failed, and one that another signal ends throws", async () => {
  const run = (signal: string) =>
    runCommand("/bin/sh", ["-c", `echo a; kill -${signal} $$`], { cwd: "/", env: {} });
  expect(await run("PIPE")).toEqual({ stdout: "a\n", stderr: "", exitCode: 141 });
  await expect(run("TERM")).rejects.toThrow(/^\/bin\/sh -c .*: Command failed/s);
});
