// glean-prolog and glean-epilog beside an executor that answers: marks, lines, wake-ups, and always
// exit status 0.

import { execFileSync } from "node:child_process";
import * as dgram from "node:dgram";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { alive, epilog, HookedNode, job, prolog, silent } from "../../support/executor/hook.js";
import { makePlugin, pluginFolder } from "../../support/executor/plugin.js";

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? test : test.skip;

let at: HookedNode;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new HookedNode();
});
afterEach(() => at.remove());

test.each(["", "asan"])("the parts of the hook agree with their tables (%s build)", (build) => {
  expect(execFileSync(path.join(pluginFolder, build, "selftest"), { encoding: "utf8" })).toBe(
    "selftest: all passed\n",
  );
});

describe("the prolog", () => {
  test("marks the job, asks the executor, and does not kill it if it answers", async () => {
    const tree = await at.startTree();
    const before = process.hrtime.bigint();
    const lines = await at.listen((socket) => socket.end("freed 3 12\n"));
    expect(await at.run({ ...prolog, SLURM_JOB_GPUS: "1,0" })).toEqual(silent);
    expect(at.marks).toEqual(["12.1.0,1"]);
    expect(lines).toHaveLength(1);
    const words = (lines[0] ?? "").match(/^begin 12 1 0,1 2000 (\d+)\n$/);
    const startNs = BigInt(words?.[1] ?? 0);
    expect(startNs > before && startNs < process.hrtime.bigint()).toBe(true);
    expect(alive(tree)).toHaveLength(4);
  });

  test.each([
    ["5,1", "n[1-2]", "1"],
    ["4(x2),3", "a,n[2-3]", "4"],
    ["4(x2),3", "a,b,n2", "3"],
    ["4(x2),7", "x[1-", "7"],
    ["4(x2),7", "", "7"],
    ["nonsense", "n[1-2]", "0"],
    ["", "n2", "0"],
    ["6", "n2", "6"],
  ])("reads from the CPUs %s on %s that this node has %s", async (cpus, nodes, expected) => {
    expect(
      await at.run({ ...prolog, SLURM_JOB_CPUS_PER_NODE: cpus, SLURM_JOB_NODELIST: nodes }),
    ).toEqual(silent);
    expect(at.marks).toEqual([`12.${expected}.-`]);
  });

  test.each([
    ["leaves cores to the system", { SLURM_JOB_CORE_SPEC_COUNT: "2" }, "0"],
    ["leaves none to the system", { SLURM_JOB_CORE_SPEC_COUNT: "0" }, "4"],
    ["has more tasks than CPUs", { SLURM_JOB_NTASKS: "9" }, "0"],
    ["has as many tasks as CPUs", { SLURM_JOB_NTASKS: "8" }, "4"],
  ])("handles a job that %s", async (_what, more, expected) => {
    const cpus = { SLURM_JOB_CPUS_PER_NODE: "4(x2)", SLURM_JOB_NODELIST: "n[1-2]" };
    expect(await at.run({ ...prolog, ...cpus, ...more })).toEqual(silent);
    expect(at.marks).toEqual([`12.${expected}.-`]);
  });

  test.each([
    ["SLURM_JOB_ID", ["", "0", "-1", "1x", "4294967296", "../1", "1 2"]],
    ["SLURMD_NODENAME", ["", ".", "..", "../n2", ".n2", "n/2", "n 2", "n\n2", "é", "n".repeat(65)]],
  ])("does nothing for an invalid %s", async (key, values) => {
    for (const value of values) expect(await at.run({ ...prolog, [key]: value })).toEqual(silent);
    expect(fs.readdirSync(at.runDirectory)).toEqual(["n2"]);
    expect(fs.readdirSync(at.node)).toEqual([]);
  });

  test("creates the folder for a node's first job, closed to others", async () => {
    fs.rmSync(at.runDirectory, { recursive: true });
    expect(await at.run(prolog)).toEqual(silent);
    expect(at.marks).toEqual(["12.1.-"]);
    expect(fs.statSync(at.node).mode & 0o777).toBe(0o700);
  });

  test("is distinguished from the epilog by its name if Slurm sets no variable", async () => {
    expect(await at.run(job)).toEqual(silent);
    expect(at.marks).toEqual(["12.1.-"]);
    expect(await at.run(job, [], "glean-epilog")).toEqual(silent);
    expect(at.marks).toEqual([]);
    expect(await at.run({ ...job, SLURM_SCRIPT_CONTEXT: "prolog_task" })).toEqual(silent);
    expect(at.marks).toEqual([]);
  });

  test("exits with 0 where nothing can be written", async () => {
    for (const runDir of ["/proc/gleaner", "/dev/null", `${at.folder}/hook.conf/x`, "/"]) {
      at.configure([`runDir=${runDir}`]);
      expect(await at.run(prolog)).toEqual(silent);
      expect(await at.run(epilog)).toEqual(silent);
    }
  });
});

describe("a folder that others can write to is not used", () => {
  const spoil: [string, () => void][] = [
    ["writable to all", () => fs.chmodSync(at.node, 0o777)],
    ["writable to the group", () => fs.chmodSync(at.node, 0o770)],
    ["in a runDir writable to all", () => fs.chmodSync(at.runDirectory, 0o777)],
    [
      "a link",
      () => {
        fs.renameSync(at.node, `${at.node}x`);
        fs.symlinkSync(`${at.node}x`, at.node);
      },
    ],
  ];
  if (isRoot) spoil.push(["of another user", () => fs.chownSync(at.node, 65534, 65534)]);
  test.each(spoil)("%s", async (_name, change) => {
    const tree = await at.startTree();
    const lines = await at.listen((socket) => socket.end("freed 0 0\n"));
    change();
    expect(await at.run(prolog)).toEqual(silent);
    expect(lines).toEqual([]);
    expect(alive(tree)).toHaveLength(4);
    expect(fs.existsSync(path.join(at.node, "jobs"))).toBe(false);
  });
});

describe("the epilog", () => {
  test("removes only the marks of its job and tells the executor", async () => {
    fs.mkdirSync(path.join(at.node, "jobs"), { mode: 0o700 });
    for (const name of ["12.1.-", "12.4.0,1", "120.1.-", "1.12.-"])
      fs.writeFileSync(path.join(at.node, "jobs", name), "");
    const lines = await at.listen((socket) => socket.end("ok\n"));
    expect(await at.run(epilog)).toEqual(silent);
    expect(at.marks).toEqual(["1.12.-", "120.1.-"]);
    expect(lines).toEqual(["end 12\n"]);
  });

  test("waits at most answerMs, and kills nobody", async () => {
    at.configure(["answerMs=50"]);
    const tree = await at.startTree();
    await at.listen(() => undefined);
    expect(await at.run(epilog)).toEqual(silent);
    expect(alive(tree)).toHaveLength(4);
  });

  test.each([
    ["udp4", "127.0.0.1", (port: number) => `127.0.0.1:${port}`],
    ["udp6", "::1", (port: number) => `[::1]:${port}`],
  ] as const)("wakes the daemon over %s if there is no executor", async (type, host, wake) => {
    const socket = dgram.createSocket(type);
    socket.bind(0, host);
    await once(socket, "listening");
    at.configure([`wake=${wake(socket.address().port)}`]);
    const message = once(socket, "message");
    expect(await at.run(epilog)).toEqual(silent);
    expect(String((await message)[0])).toBe("wake demo n2 12\n");
    socket.close();
  });
});

describe("glean-prolog by hand", () => {
  test("prints with --probe who answers, or one sentence with status 1", async () => {
    const env = { SLURMD_NODENAME: "n2" };
    const missing = await at.run(env, ["--probe"]);
    expect(missing.status).toBe(1);
    expect(missing.stderr).toContain(`${at.folder}/run/n2/hook.sock`);
    await at.listen((socket, line) => socket.end(line === "probe\n" ? "here n2:7\n" : "?\n"));
    expect(await at.run(env, ["--probe"])).toEqual({
      status: 0,
      stdout: "here n2:7\n",
      stderr: "",
    });
    expect((await at.run({}, ["--probe"])).stderr).toContain("SLURMD_NODENAME");
  });

  test("refuses with --probe an invalid answer, and does not wait forever", async () => {
    at.configure(["deadlineMs=200"]);
    const answers = ["here \n", "here a b\n", "there\n", `here ${"x".repeat(129)}\n`, ""];
    await at.listen((socket) => {
      const answer = answers.shift();
      if (answer) socket.end(answer);
    });
    for (let left = 5; left > 0; left--)
      expect((await at.run({ SLURMD_NODENAME: "n2" }, ["--probe"])).status).toBe(1);
  });

  test("prints its name with --version", async () => {
    expect(await at.run({}, ["--version"])).toEqual({
      status: 0,
      stdout: "glean-hook 0.2.0\n",
      stderr: "",
    });
  });

  asRoot("a hook.conf that others could have written is passed over", async () => {
    at.configure([], 0o666);
    const changed = await at.run({ SLURMD_NODENAME: "glean-no-such-node" }, ["--probe"]);
    expect(changed.stderr).not.toContain(at.folder);
    at.configure();
    fs.chownSync(path.join(at.folder, "hook.conf"), 65534, 65534);
    expect((await at.run({ SLURMD_NODENAME: "n2" }, ["--probe"])).stderr).not.toContain(at.folder);
  });
});
