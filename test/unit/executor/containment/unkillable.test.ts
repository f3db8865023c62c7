// What hangs in the kernel: how it is found, what it holds, what is said of it.

import { expect, test } from "@jest/globals";
import { describeUnkillable } from "../../../../src/core/explain/unkillable.js";
import { groupName, resourcesOf } from "../../../../src/executor/containment/cgroup-hung.js";
import {
  parseDescription,
  parseMounts,
} from "../../../../src/executor/containment/describe-process.js";
import {
  type HungAttempt,
  hangs,
  Unkillable,
} from "../../../../src/executor/containment/unkillable.js";
import type { UnkillableReport } from "../../../../src/model/capacity/unkillable.js";
import { invocationId } from "../../../../src/model/ids.js";

const mounts = parseMounts(
  [
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "40 22 0:35 / /home rw shared:2 - nfs4 server:/export/home rw",
    "41 40 0:36 / /home/a\\040b rw - nfs4 server:/b rw",
    "nonsense",
    "",
  ].join("\n"),
);

test.each([
  ["/home/ada/x", "/home (nfs4 on server:/export/home)"],
  ["/home", "/home (nfs4 on server:/export/home)"],
  ["/home/a b/x", "/home/a b (nfs4 on server:/b)"],
  ["/homework", "/ (ext4 on /dev/sda1)"],
])("the path %s is in %s", (path, fileSystem) => {
  const text = `name=dash\nwaitsIn=rpc_wait\npath=${path}\nuser=1000\nuser=ada\n`;
  expect(parseDescription(text, mounts)).toEqual({
    name: "dash",
    user: "ada",
    waitsIn: "rpc_wait",
    path,
    fileSystem,
  });
});

test("the output before a look hung counts", () => {
  expect(parseDescription("name=dash\nwaitsIn=rp", mounts)).toEqual({
    name: "dash",
    user: null,
    waitsIn: "rp",
    path: null,
    fileSystem: null,
  });
  expect(parseDescription("", []).name).toBe("");
});

test.each([
  { cores: 1, memoryMb: 50, gpus: [] },
  { cores: 64, memoryMb: 500_000, gpus: [0, 3, 15] },
])("a group's name contains its attempt's resources: %j", (held) => {
  expect(resourcesOf(groupName("12.1", held))).toEqual(held);
  expect(resourcesOf("12.1")).toBeNull();
});

test("a process that runs or sleeps normally does not count as hanging", () => {
  expect(hangs(process.pid)).toBe(false);
  expect(hangs(4_194_303)).toBe(false);
});

test("each process is described once, and its end is reported", async () => {
  let there: HungAttempt[] = [
    { name: "12.1@2c500m", held: { cores: 2, memoryMb: 500, gpus: [] }, pids: [process.pid] },
  ];
  const noted: number[] = [];
  const told: UnkillableReport[] = [];
  let descriptions = 0;
  const unkillable = new Unkillable(
    { look: () => there },
    { readUnkillable: () => noted, noteUnkillable: (pids) => void noted.push(...pids) },
    async () => {
      descriptions++;
      return { name: "dash", user: "ada", waitsIn: "rpc_wait", path: "/x", fileSystem: "/ (nfs)" };
    },
    (report) => told.push(report),
  );
  unkillable.look();
  await Promise.resolve();
  unkillable.look();
  await Promise.resolve();
  expect(descriptions).toBe(1);
  expect(noted).toEqual([process.pid]);
  expect(unkillable.report).toMatchObject({
    count: 1,
    held: { cores: 2, memoryMb: 500 },
    processes: [{ pid: process.pid, invocation: invocationId(12), user: "ada" }],
  });
  expect(describeUnkillable(unkillable.report)).toEqual([
    "1 process of a function hangs in the node's kernel and cannot be killed: 2 cores, 500 MB count as in use until they are gone",
    `process ${process.pid} (dash) of ada, invocation 12, in rpc_wait, at /x in the file system / (nfs)`,
  ]);
  there = [];
  noted.length = 0;
  unkillable.look();
  expect(told.at(-1)).toMatchObject({ count: 0, processes: [], held: { cores: 0 } });
});

test("a process's details are reported for that process only", async () => {
  const free = { cores: 0, memoryMb: 0, gpus: [] };
  let tell: (pid: number) => void = () => {};
  const unkillable = new Unkillable(
    {
      look: () => [
        { name: "12.1", held: free, pids: [process.pid] },
        { name: "13.1", held: free, pids: [process.ppid] },
      ],
    },
    { readUnkillable: () => [], noteUnkillable: () => {} },
    (pid) =>
      new Promise((resolve) => {
        const done = { name: "dash", user: "ada", waitsIn: null, path: null, fileSystem: null };
        const others = tell;
        tell = (which) => (which === pid ? resolve(done) : others(which));
      }),
    () => {},
  );
  unkillable.look();
  tell(process.ppid);
  await new Promise((resolve) => setImmediate(resolve));
  expect(unkillable.report.processes).toMatchObject([
    { pid: process.pid, invocation: 12, name: "" },
    { pid: process.ppid, invocation: 13, name: "dash" },
  ]);
});
