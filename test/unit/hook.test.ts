// Tests glean-prolog and glean-epilog against executors that answer, fall silent, lie or hang; they must always exit 0.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as dgram from "node:dgram";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import * as readline from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";

const root = path.resolve(import.meta.dirname, "../..");
const out = path.join(root, "build", "hook-test");
const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? test : test.skip;
const unified = "/sys/fs/cgroup/unified";
const withCgroup = isRoot && fs.existsSync(path.join(unified, "cgroup.procs")) ? test : test.skip;

/** A job as a real prolog of Slurm 22.05 sees it, on the second of its two nodes. */
const job = {
  SLURM_JOB_ID: "12",
  SLURMD_NODENAME: "n2",
  SLURM_JOB_CPUS_PER_NODE: "5,1",
  SLURM_JOB_NODELIST: "n[1-2]",
  SLURM_JOB_UID: "1000",
  SLURM_JOB_PARTITION: "batch",
  SLURM_CLUSTER_NAME: "demo",
};
const prolog = { ...job, SLURM_SCRIPT_CONTEXT: "prolog_slurmd" };
const epilog = { ...job, SLURM_SCRIPT_CONTEXT: "epilog_slurmd" };

let folder = "";
let node = "";
const children = new Set<ChildProcess>();
const servers = new Set<net.Server>();
const trees = new Set<Tree>();

function configure(more: string[] = [], mode = 0o644): void {
  const file = path.join(folder, "hook.conf");
  fs.writeFileSync(
    file,
    [
      "# of a test",
      `runDir = ${folder}/run`,
      "answerMs=2000",
      "deadlineMs=20000",
      ...more,
      "",
    ].join("\n"),
  );
  fs.chmodSync(file, mode);
}

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

async function run(
  env: Record<string, string>,
  args: string[] = [],
  name = "glean-prolog",
): Promise<Run> {
  const child = spawn(path.join(folder, name), args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => {
    stdout += String(text);
  });
  child.stderr.on("data", (text) => {
    stderr += String(text);
  });
  const [status] = (await once(child, "close")) as [number | null];
  return { status, stdout, stderr };
}

const silent: Run = { status: 0, stdout: "", stderr: "" };

/** A listening hook.sock; every line it got, and what `answer` does with each connection's first line. */
async function listen(answer: (socket: net.Socket, line: string) => void): Promise<string[]> {
  const lines: string[] = [];
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (line) => {
      lines.push(String(line));
      answer(socket, String(line));
    });
  });
  servers.add(server);
  server.listen(path.join(node, "hook.sock"));
  await once(server, "listening");
  return lines;
}

function startTicks(pid: number): string {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

/** Not there any more, or dead and only waiting for its parent. */
function isGone(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat[stat.lastIndexOf(")") + 2] === "Z";
  } catch {
    return true;
  }
}

interface Tree {
  executor: ChildProcess;
  pid: number;
  pids: number[];
}

/** A stand-in for an executor with a child and a grandchild in a session of its own; executor.pid names it. */
async function startTree(pidLines: string[] = []): Promise<Tree> {
  const script =
    "sh -c 'echo $$; exec sleep 1000' & setsid sh -c 'sh -c \"echo \\$\\$; exec sleep 1000\" & echo $$; wait' & wait";
  const executor = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
  children.add(executor);
  executor.on("exit", () => children.delete(executor));
  const pids: number[] = [];
  for await (const line of readline.createInterface({ input: executor.stdout })) {
    if (pids.push(Number(line)) === 3) break;
  }
  const pid = executor.pid ?? 0;
  const tree = { executor, pid, pids };
  trees.add(tree);
  writePid([`pid=${pid}`, `startTicks=${startTicks(pid)}`, ...pidLines]);
  return tree;
}

function writePid(lines: string[]): void {
  fs.writeFileSync(path.join(node, "executor.pid"), `${lines.join("\n")}\n`);
}

function endTree(tree: Tree): void {
  for (const pid of [tree.pid, ...tree.pids]) {
    if (!isGone(pid)) process.kill(pid, "SIGKILL");
  }
}

function expectGone(tree: Tree): void {
  for (const pid of [tree.pid, ...tree.pids]) expect([pid, isGone(pid)]).toEqual([pid, true]);
}

const marks = (): string[] => fs.readdirSync(path.join(node, "jobs")).sort();

beforeAll(() => {
  const make = (...targets: string[]) =>
    execFileSync("make", ["-s", "-C", path.join(root, "slurm-plugin"), `OUT=${out}`, ...targets], {
      stdio: "pipe",
    });
  make(`${out}/glean-prolog`, `${out}/glean-epilog`, `${out}/selftest`);
  make("asan");
}, 120_000);

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "glean-hook-"));
  for (const name of ["glean-prolog", "glean-epilog"])
    fs.copyFileSync(path.join(out, name), path.join(folder, name));
  fs.copyFileSync(path.join(out, "asan", "glean-prolog"), path.join(folder, "asan-prolog"));
  fs.mkdirSync(path.join(folder, "run", "n2"), { recursive: true, mode: 0o700 });
  node = path.join(folder, "run", "n2");
  configure();
});

afterEach(() => {
  for (const server of servers) server.close();
  servers.clear();
  for (const tree of trees) endTree(tree);
  trees.clear();
  fs.rmSync(folder, { recursive: true, force: true });
});

afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

test.each(["", "asan"])("the parts agree with their tables (%s build)", (build) => {
  expect(execFileSync(path.join(out, build, "selftest"), { encoding: "utf8" })).toBe(
    "selftest: all passed\n",
  );
});

describe("the prolog", () => {
  test("marks the job, asks the executor, and leaves it alone when it answers", async () => {
    const tree = await startTree();
    const before = process.hrtime.bigint();
    const lines = await listen((socket) => socket.end("freed 3 12\n"));
    expect(await run({ ...prolog, SLURM_JOB_GPUS: "1,0" })).toEqual(silent);
    expect(marks()).toEqual(["12.1.0,1"]);
    expect(lines).toHaveLength(1);
    const words = (lines[0] ?? "").match(/^begin 12 1 0,1 2000 (\d+)\n$/);
    const startNs = BigInt(words?.[1] ?? 0);
    expect(startNs > before && startNs < process.hrtime.bigint()).toBe(true);
    expect(isGone(tree.pid)).toBe(false);
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
  ])("of cpus %s on %s this node has %s", async (cpus, nodes, expected) => {
    expect(
      await run({ ...prolog, SLURM_JOB_CPUS_PER_NODE: cpus, SLURM_JOB_NODELIST: nodes }),
    ).toEqual(silent);
    expect(marks()).toEqual([`12.${expected}.-`]);
  });

  test.each([
    ["SLURM_JOB_ID", ["", "0", "-1", "1x", "4294967296", "../1", "1 2"]],
    ["SLURMD_NODENAME", ["", ".", "..", "../n2", ".n2", "n/2", "n 2", "n\n2", "é", "n".repeat(65)]],
  ])("does nothing for a %s that is none", async (key, values) => {
    for (const value of values) expect(await run({ ...prolog, [key]: value })).toEqual(silent);
    expect(fs.readdirSync(path.join(folder, "run"))).toEqual(["n2"]);
    expect(fs.readdirSync(node)).toEqual([]);
  });

  test("makes the folder for a node's first job, closed to others", async () => {
    fs.rmSync(path.join(folder, "run"), { recursive: true });
    expect(await run(prolog)).toEqual(silent);
    expect(marks()).toEqual(["12.1.-"]);
    expect(fs.statSync(node).mode & 0o777).toBe(0o700);
  });

  test("is told apart from the epilog by its name when Slurm says nothing", async () => {
    expect(await run(job)).toEqual(silent);
    expect(marks()).toEqual(["12.1.-"]);
    expect(await run(job, [], "glean-epilog")).toEqual(silent);
    expect(marks()).toEqual([]);
    expect(await run({ ...job, SLURM_SCRIPT_CONTEXT: "prolog_task" })).toEqual(silent);
    expect(marks()).toEqual([]);
  });

  test("ends with 0 where nothing can be written", async () => {
    for (const runDir of ["/proc/gleaner", "/dev/null", `${folder}/hook.conf/x`, "/"]) {
      configure([`runDir=${runDir}`]);
      expect(await run(prolog)).toEqual(silent);
      expect(await run(epilog)).toEqual(silent);
    }
  });
});

describe("without an answer the prolog kills the executor and all it started", () => {
  const answers: [string, (socket: net.Socket) => void][] = [
    ["closes the connection", (socket) => socket.end()],
    ["answers with other words", (socket) => socket.end("ok\n")],
    ["answers half", (socket) => socket.end("freed 1\n")],
    ["answers more than it should", (socket) => socket.end("freed 1 2 3\n")],
    ["answers a sign", (socket) => socket.end("freed -1 2\n")],
    ["answers two lines", (socket) => socket.end("freed 1 2\nfreed 1 2\n")],
    ["answers a NUL", (socket) => socket.end("freed 1 2\0\n")],
    ["answers without an end", (socket) => socket.end("x".repeat(100_000))],
    ["never answers", () => configure()],
  ];
  test.each(answers)("when it %s", async (_name, answer) => {
    configure(["answerMs=150"]);
    const tree = await startTree();
    await listen(answer);
    expect(await run(prolog)).toEqual(silent);
    expectGone(tree);
    expect(marks()).toEqual(["12.1.-"]);
  });

  test("when it runs but does not listen", async () => {
    const tree = await startTree();
    expect(await run(prolog)).toEqual(silent);
    expectGone(tree);
  });

  test("when it is stopped", async () => {
    configure(["answerMs=100"]);
    const script = `const s = require("net").createServer((c) => c.end("freed 0 0\\n")); s.listen(process.argv[1], () => console.log("up"))`;
    const executor = spawn(process.execPath, ["-e", script, path.join(node, "hook.sock")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.add(executor);
    await once(executor.stdout, "data");
    const pid = executor.pid ?? 0;
    writePid([`pid=${pid}`, `startTicks=${startTicks(pid)}`]);
    expect(await run(prolog)).toEqual(silent);
    expect(executor.exitCode).toBe(null); // it answers, so it lives
    executor.kill("SIGSTOP");
    const exit = once(executor, "exit");
    expect(await run(prolog)).toEqual(silent);
    expect(await exit).toEqual([null, "SIGKILL"]);
    children.delete(executor);
  });

  test("but no other process that has the same pid by now", async () => {
    const tree = await startTree();
    writePid([`pid=${tree.pid}`, `startTicks=${Number(startTicks(tree.pid)) + 1}`]);
    expect(await run(prolog)).toEqual(silent);
    for (const lines of [
      ["pid=1", "startTicks=1"],
      [`pid=${tree.pid}`],
      ["pid"],
      ["pid=-1", "startTicks=0"],
      [],
    ]) {
      writePid(lines);
      expect(await run(prolog)).toEqual(silent);
    }
    expect([tree.pid, ...tree.pids].some(isGone)).toBe(false);
  });

  test("by its pid when the cgroup it names is none", async () => {
    const victim = path.join(folder, "cgroup.kill");
    fs.writeFileSync(victim, "untouched");
    const tree = await startTree([`kill=/sys/fs/cgroup/../../..${victim}`, `kill=${victim}`]);
    expect(await run(prolog)).toEqual(silent);
    expectGone(tree);
    expect(fs.readFileSync(victim, "utf8")).toBe("untouched");
  });

  withCgroup("by its cgroup, sub-groups and orphans of the tree included", async () => {
    const group = fs.mkdtempSync(path.join(unified, "glean-hook-test-"));
    const inner = path.join(group, "attempt");
    fs.mkdirSync(inner);
    try {
      const tree = await startTree([`kill=${path.join(group, "cgroup.kill")}`]);
      // Its parent is this test, not the executor: only the cgroup ties it.
      const orphan = spawn("sleep", ["1000"], { stdio: "ignore" });
      children.add(orphan);
      fs.writeFileSync(path.join(group, "cgroup.procs"), String(tree.pid));
      fs.writeFileSync(path.join(inner, "cgroup.procs"), String(orphan.pid));
      const exit = once(orphan, "exit");
      expect(await run(prolog)).toEqual(silent);
      expectGone(tree);
      expect(await exit).toEqual([null, "SIGKILL"]);
      children.delete(orphan);
      expect(fs.readFileSync(path.join(group, "cgroup.events"), "utf8")).toContain("populated 0");
    } finally {
      fs.rmdirSync(inner);
      fs.rmdirSync(group);
    }
  });

  test("and ends at its deadline, whatever answerMs says", async () => {
    configure(["answerMs=60000", "deadlineMs=300"]);
    await listen(() => undefined);
    expect(await run(prolog)).toEqual(silent);
  });
});

describe("a folder that others could have written to is not used", () => {
  const spoil: [string, () => void][] = [
    ["writable to all", () => fs.chmodSync(node, 0o777)],
    ["writable to the group", () => fs.chmodSync(node, 0o770)],
    ["in a runDir writable to all", () => fs.chmodSync(path.join(folder, "run"), 0o777)],
    [
      "a link",
      () => {
        fs.renameSync(node, `${node}x`);
        fs.symlinkSync(`${node}x`, node);
      },
    ],
  ];
  if (isRoot) spoil.push(["of another user", () => fs.chownSync(node, 65534, 65534)]);
  test.each(spoil)("%s", async (_name, change) => {
    const tree = await startTree();
    const lines = await listen((socket) => socket.end("freed 0 0\n"));
    change();
    expect(await run(prolog)).toEqual(silent);
    expect(lines).toEqual([]);
    expect(isGone(tree.pid)).toBe(false);
    expect(fs.existsSync(path.join(node, "jobs"))).toBe(false);
  });
});

describe("the epilog", () => {
  test("removes the marks of its job only and tells the executor", async () => {
    fs.mkdirSync(path.join(node, "jobs"), { mode: 0o700 });
    for (const name of ["12.1.-", "12.4.0,1", "120.1.-", "1.12.-"])
      fs.writeFileSync(path.join(node, "jobs", name), "");
    const lines = await listen((socket) => socket.end("ok\n"));
    expect(await run(epilog)).toEqual(silent);
    expect(marks()).toEqual(["1.12.-", "120.1.-"]);
    expect(lines).toEqual(["end 12\n"]);
  });

  test("waits no longer than answerMs, and kills nobody", async () => {
    configure(["answerMs=50"]);
    const tree = await startTree();
    await listen(() => undefined);
    expect(await run(epilog)).toEqual(silent);
    expect(isGone(tree.pid)).toBe(false);
  });

  test.each([
    ["udp4", "127.0.0.1", (port: number) => `127.0.0.1:${port}`],
    ["udp6", "::1", (port: number) => `[::1]:${port}`],
  ] as const)("wakes the daemon over %s when there is no executor", async (type, host, wake) => {
    const socket = dgram.createSocket(type);
    socket.bind(0, host);
    await once(socket, "listening");
    configure([`wake=${wake(socket.address().port)}`]);
    const message = once(socket, "message");
    expect(await run(epilog)).toEqual(silent);
    expect(String((await message)[0])).toBe("wake demo n2 12\n");
    socket.close();
  });
});

describe("glean-prolog by hand", () => {
  test("--probe prints who answers, else one sentence and status 1", async () => {
    const env = { SLURMD_NODENAME: "n2" };
    const missing = await run(env, ["--probe"]);
    expect(missing.status).toBe(1);
    expect(missing.stderr).toContain(`${folder}/run/n2/hook.sock`);
    await listen((socket, line) => socket.end(line === "probe\n" ? "here n2:7\n" : "?\n"));
    expect(await run(env, ["--probe"])).toEqual({ status: 0, stdout: "here n2:7\n", stderr: "" });
    expect((await run({}, ["--probe"])).stderr).toContain("SLURMD_NODENAME");
  });

  test("--probe takes no answer that is none, and does not wait for ever", async () => {
    configure(["deadlineMs=200"]);
    const answers = ["here \n", "here a b\n", "there\n", `here ${"x".repeat(129)}\n`, ""];
    await listen((socket) => {
      const answer = answers.shift();
      if (answer) socket.end(answer);
    });
    for (let left = 5; left > 0; left--)
      expect((await run({ SLURMD_NODENAME: "n2" }, ["--probe"])).status).toBe(1);
  });

  test("--version names it", async () => {
    expect(await run({}, ["--version"])).toEqual({
      status: 0,
      stdout: "glean-hook 0.1.0\n",
      stderr: "",
    });
  });

  asRoot("a hook.conf that others could have written is passed over", async () => {
    configure([], 0o666);
    const changed = await run({ SLURMD_NODENAME: "glean-no-such-node" }, ["--probe"]);
    expect(changed.stderr).not.toContain(folder);
    configure();
    fs.chownSync(path.join(folder, "hook.conf"), 65534, 65534);
    expect((await run({ SLURMD_NODENAME: "n2" }, ["--probe"])).stderr).not.toContain(folder);
  });
});

describe("whatever comes in, the sanitized prolog ends with 0 and says nothing", () => {
  const options = { seed: 20261123, numRuns: 60 };
  const text = fc.string({ unit: fc.constantFrom(..."n0129[]-,()x._/ é"), maxLength: 60 });

  test("in the environment", async () => {
    const keys = [
      "SLURM_JOB_CPUS_PER_NODE",
      "SLURM_JOB_NODELIST",
      "SLURM_JOB_GPUS",
      "SLURM_CLUSTER_NAME",
    ] as const;
    const env = fc.record(Object.fromEntries(keys.map((key) => [key, text])));
    const ids = fc.oneof(
      fc.constant({}),
      fc.record({ SLURM_JOB_ID: text }),
      fc.record({ SLURMD_NODENAME: text }),
    );
    await fc.assert(
      fc.asyncProperty(env, ids, fc.boolean(), async (values, id, begins) => {
        const all = { ...(begins ? prolog : epilog), ...values, ...id };
        expect(await run(all, [], "asan-prolog")).toEqual(silent);
      }),
      options,
    );
  }, 60_000);

  test("from the executor and its files", async () => {
    let answer = Buffer.alloc(0);
    await listen((socket) => socket.end(answer));
    const part = fc.constantFrom(
      "freed ",
      "1",
      " ",
      "\n",
      "\0",
      "999999999",
      "ok",
      "pid=",
      "startTicks=",
      "kill=/sys/fs/cgroup/",
      "x".repeat(300),
    );
    const content = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(content, content, content, async (said, pid, conf) => {
        answer = Buffer.from(said);
        fs.writeFileSync(path.join(node, "executor.pid"), pid);
        configure([conf.replaceAll("\0", "")]);
        expect(await run(prolog, [], "asan-prolog")).toEqual(silent);
      }),
      options,
    );
  }, 60_000);
});
