// Times the first result of a function that has no worker yet, on an executor that is ready and has
// the code, in turn with a bare start of the same interpreter with the same module: [--rounds N].

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { invocationId } from "../../src/model/ids.js";
import type { WorkerSettings } from "../../src/wire/calls.js";
import { Programs, TestNode, until } from "../../test/support/executor/executor.js";
import {
  callOrder,
  codeOf,
  type FunctionCode,
  handOut,
} from "../../test/support/executor/function-code.js";
import { countsOf, median, medianRatio, preciseMs, rounded, say } from "./lib/harness.js";

const counts = countsOf({ rounds: 20 });
/** Times the bare start, at most; native has no interpreter. */
const bars = { node: 1.2, spare: 0.5, pythonFirst: 1.3, pythonNext: 0.1, nativeMs: 10 } as const;
/** A worker beside which another one is started. */
const busySeconds = 1;
/** What stands by has been made by then. */
const settleMs = 400;
/** A worker without calls goes at once, so that each round begins without one. */
const idleTimeoutMs = 1;
const memoryMb = 500;
/** The group with all functions weighs so much that other programs of the machine disturb less. */
const heavy = { "cpu.shares": 262_144, "cpu.weight": 10_000 };

const folder = mkdtempSync(join(tmpdir(), "gleaner-cold-"));
chmodSync(folder, 0o755);
const programs = new Programs();

/** Milliseconds of a call and of the program beside it. */
type Pair = readonly [callMs: number, bareMs: number];

async function measure() {
  const python = numpyPython();
  const numpy = "import numpy, time\n";
  const sum = "int(numpy.arange(4).sum())";
  const handler = `def handler(seconds):\n    time.sleep(seconds)\n    return ${sum}\n`;
  const node = await code({ "index.mjs": "export default () => process.pid;" }, "node");
  const forked = await code({ "handler.py": numpy + handler }, "python", { python });
  const native = await code({ "lib.so": library() }, "native");
  const bareNode = [process.execPath, written("bare.mjs", "console.log(process.pid);")];
  const barePython = [python, written("bare.py", `${numpy}print(${sum}, flush=True)`)];
  const site = await Site.start();
  const seen = { node: [], spare: [], pythonFirst: [], pythonNext: [], native: [] } as Record<
    "node" | "spare" | "pythonFirst" | "pythonNext" | "native",
    Pair[]
  >;
  try {
    for (const each of [node, forked, native]) await site.fetched(each);
    for (let round = 0; round < counts.rounds; round++) {
      // A user of whom nothing is on the node.
      site.nextUser();
      seen.node.push([await site.timed(node), await site.timedBare(bareNode)]);
      await site.cold();
      seen.spare.push([await site.timed(node), await site.timedBare(bareNode)]);
      await site.cold();
      seen.pythonFirst.push([await site.timed(forked, 0), await site.timedBare(barePython)]);
      await site.cold();
      seen.pythonNext.push([await site.timedBeside(forked), await site.timedBare(barePython)]);
      await site.cold();
      seen.native.push([await site.timed(native), 0]);
      await site.cold();
    }
  } finally {
    await site.stop();
  }
  const { native: natives, ...compared } = seen;
  const figures = Object.fromEntries(
    Object.entries(compared).map(([name, pairs]) => [name, figuresOf(pairs)]),
  ) as Record<keyof typeof compared, ReturnType<typeof figuresOf>>;
  const nativeMs = rounded(median(natives.map(([ms]) => ms)));
  const withinBars =
    nativeMs <= bars.nativeMs &&
    Object.entries(figures).every(
      ([name, { ratio }]) => ratio <= bars[name as keyof typeof figures],
    );
  return { ...figures, nativeMs, withinBars };
}

function figuresOf(pairs: readonly Pair[]) {
  const [calls, bares] = [0, 1].map((at) => pairs.map((pair) => pair[at]!));
  const [ms, bareMs] = [rounded(median(calls!)), rounded(median(bares!))];
  return { ms, bareMs, ratio: rounded(medianRatio(calls!, bares!)) };
}

/** An executor on a node of its own, and calls of one user after another. */
class Site {
  private user = 20_000;
  private invocation = 1;

  private constructor(
    private readonly node: TestNode,
    private readonly bareGroup: string,
  ) {}

  static async start(): Promise<Site> {
    const node = await TestNode.make(programs);
    await node.start();
    return new Site(node, groupBeside(node));
  }

  stop(): Promise<unknown> {
    rmdirSync(this.bareGroup);
    return this.node.remove();
  }

  nextUser(): void {
    this.user++;
  }

  /** The code is on the node after this, and the runtime's program in the caches of the machine. */
  async fetched(each: FunctionCode): Promise<void> {
    const handedOut = handOut(this.node.daemon, each);
    await this.timed(each, 0);
    await handedOut;
    await this.cold();
  }

  /** Until the result of a call has arrived. */
  async timed(each: FunctionCode, input: unknown = null): Promise<number> {
    const order = this.order(each, input);
    const startedMs = preciseMs();
    this.node.daemon.send({ type: "start", order });
    const { end, reason } = await this.node.daemon.report(order, this.node.daemon.heard.length);
    const tookMs = preciseMs() - startedMs;
    if (end !== "COMPLETED") throw new Error(`a call ended ${end}: ${reason}`);
    return tookMs;
  }

  /** Beside another worker of the function, which is busy. */
  async timedBeside(each: FunctionCode): Promise<number> {
    const busy = this.order(each, busySeconds);
    await this.node.run(busy);
    await pause(settleMs);
    const ms = await this.timed(each, 0);
    await this.node.daemon.report(busy);
    return ms;
  }

  /** Until all workers are gone, and what stands by is ready. */
  async cold(): Promise<void> {
    const { length } = this.node.daemon.heard;
    await until(() => {
      const warm = this.node.daemon.heard.findLast(({ type }) => type === "warm");
      return warm?.type === "warm" && warm.workers.length === 0;
    });
    await pause(settleMs);
    this.node.daemon.heard.splice(0, length);
  }

  /** From its exec until its first output, at the functions' own priority. */
  async timedBare(command: readonly string[]): Promise<number> {
    // To join a group takes the kernel as long as a start, so the clock begins afterwards.
    const joined = 'echo $$ > "$0/cgroup.procs" && echo joined && exec "$@"';
    const words = ["--idle", "0", "/bin/sh", "-c", joined, this.bareGroup, ...command];
    const child = spawn("/usr/bin/chrt", words, { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    const startedMs = preciseMs();
    await once(child.stdout, "data");
    const tookMs = preciseMs() - startedMs;
    await once(child, "close");
    return tookMs;
  }

  private order(each: FunctionCode, input: unknown) {
    return callOrder(each, input, {
      invocation: invocationId(this.invocation++),
      uid: this.user,
      gid: this.user,
      user: `u${this.user}`,
      memoryMb,
      environment: { PATH: "/usr/bin:/bin", NODE_OF_TEST: this.node.folder },
    });
  }
}

function code(
  files: Readonly<Record<string, string | Buffer>>,
  runtime: WorkerSettings["runtime"],
  change: Partial<WorkerSettings> = {},
): Promise<FunctionCode> {
  return codeOf(files, { runtime, idleTimeoutMs, ...change });
}

/**
 * A group beside those of functions, for the programs that they are compared with: whatever else
 * runs on the machine takes as much from both.
 */
function groupBeside(node: TestNode): string {
  const own = node.groups().find((group) => heavyFileIn(join(group, "work")) !== undefined);
  if (own === undefined) throw new Error("functions have no CPU group here: run it as root");
  const work = join(own, "work");
  for (const group of [join(own, ".."), own, work]) {
    const file = heavyFileIn(group)!;
    writeFileSync(join(group, file), String(heavy[file]));
  }
  const bare = join(work, "bare");
  mkdirSync(bare);
  return bare;
}

const heavyFileIn = (group: string) =>
  (["cpu.shares", "cpu.weight"] as const).find((file) => existsSync(join(group, file)));

/** Debian's python with numpy, else one of an environment in this benchmark's own folder. */
function numpyPython(): string {
  const debian = "/usr/bin/python3";
  if (spawnSync(debian, ["-c", "import numpy"]).status === 0) return debian;
  say("installing numpy into an environment of this benchmark");
  execFileSync(debian, ["-m", "venv", join(folder, "venv")], { stdio: "inherit" });
  const python = join(folder, "venv/bin/python");
  const pip = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "numpy"];
  execFileSync(python, pip, { stdio: "inherit" });
  return python;
}

function library(): Buffer {
  const file = join(folder, "lib.so");
  const source = "unsigned handler(const void *in, unsigned size, void *out) { return 0; }";
  const options = ["-x", "c", "-shared", "-fPIC", "-O1", "-o", file, "-"];
  execFileSync("cc", options, { input: source });
  return readFileSync(file);
}

function written(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

try {
  await programs.make();
  // As they are installed: Python's is compiled.
  for (const runtime of ["glean-runtime-native", "glean-runtime-python"]) {
    const built = resolve(import.meta.dirname, "../../dist", runtime);
    cpSync(built, join(programs.folder, runtime), { recursive: true });
  }
  const result = { ...(await measure()), rounds: counts.rounds, bars };
  say(JSON.stringify(result));
} finally {
  programs.remove();
  rmSync(folder, { recursive: true, force: true });
}
