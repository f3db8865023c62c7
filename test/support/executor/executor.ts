// A real glean-executor on a made-up node of this machine, with the real hook and glean-spawn, and
// a daemon controlled by the test.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { makeBundles } from "../../../scripts/bundle/bundles.mjs";
import { type ClaimedPorts, claimBlock } from "../../../scripts/cluster/ports.js";
import { afterPatience, Patience } from "../../../scripts/lib/patience.mjs";
import { groupNamesOf } from "../../../src/executor/node/group-names.js";
import { executorId, invocationId, nodeName } from "../../../src/model/ids.js";
import { acceptExecutor, type DaemonConnection } from "../../../src/wire/handshake.js";
import { noIsolation } from "../../../src/wire/isolation.js";
import type { LaunchSpec } from "../../../src/wire/launch.js";
import type {
  AttemptKey,
  AttemptOrder,
  AttemptReport,
  ExecutorMessage,
} from "../../../src/wire/messages.js";
import { attemptOrder, nobody } from "./orders.js";

const root = resolve(import.meta.dirname, "../../..");
/** Waits end long before; whoever waits this long waits for what does not come. */
const patienceMs = 30_000;

type Heard = Exclude<ExecutorMessage, { type: "beat" }>;
type HeardOf<T extends Heard["type"]> = Extract<Heard, { type: T }>;

/** The executor's bundle and the C programs, made once for a test file. */
export class Programs {
  readonly folder = mkdtempSync(join(tmpdir(), "glean-programs-"));

  async make(): Promise<void> {
    chmodSync(this.folder, 0o755);
    execFileSync("make", ["-s", "-C", join(root, "slurm-plugin"), `OUT=${this.folder}`]);
    await build({
      absWorkingDir: root,
      entryPoints: ["src/executor/main.ts"],
      outfile: join(this.folder, "glean-executor.cjs"),
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      logLevel: "error",
    });
    await makeBundles(["glean-runtime-node"], this.folder, "0.0.0");
    const python = join(root, "src/runtimes/python");
    cpSync(python, join(this.folder, "glean-runtime-python"), { recursive: true });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * The daemon's side: accepts the executor's connections, keeps everything it sends, records reports
 * unless told not to.
 */
export class FakeDaemon {
  records = true;
  readonly heard: Heard[] = [];
  private connection: DaemonConnection | null = null;
  private wake: (() => void)[] = [];
  private server: Server | null = null;
  private claimed: ClaimedPorts | null = null;

  constructor(private readonly secret: string) {}

  get port(): number {
    return this.claimed!.first;
  }

  async listen(): Promise<void> {
    const accept = async (socket: Socket): Promise<void> => {
      const { connection } = await acceptExecutor(socket, () => this.secret);
      this.connection = connection;
      connection.listen({
        onMessage: (message) => {
          this.heard.push(message);
          if (message.type === "ended" && this.records)
            connection.send({ type: "recorded", key: message.report });
          for (const wake of this.wake.splice(0)) wake();
        },
        onClose: () => {
          if (this.connection === connection) this.connection = null;
        },
      });
    };
    // An executor that is killed in its handshake was none; whoever waits for it says so.
    const server = createServer((socket) => void accept(socket).catch(() => {}));
    this.server = server;
    // One that is started again has the same port, which nobody else gets meanwhile.
    this.claimed ??= await claimBlock(1);
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
  }

  send(message: Parameters<DaemonConnection["send"]>[0]): void {
    if (!this.connection?.send(message)) throw new Error("no executor is connected");
  }

  /**
   * The first message of a type that `wanted` accepts, already received or to come; `after` skips
   * earlier ones.
   */
  async hears<T extends Heard["type"]>(
    type: T,
    wanted: (message: HeardOf<T>) => boolean = () => true,
    after = 0,
  ): Promise<HeardOf<T>> {
    let isLate = false;
    const timer = afterPatience(patienceMs, () => {
      isLate = true;
      for (const wake of this.wake.splice(0)) wake();
    });
    try {
      for (;;) {
        const found = this.heard
          .slice(after)
          .find((each): each is HeardOf<T> => each.type === type && wanted(each as HeardOf<T>));
        if (found) return found;
        if (isLate) throw new Error(`no ${type} among ${JSON.stringify(this.heard)}`);
        await new Promise<void>((wake) => this.wake.push(wake));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async report(key: AttemptKey, after = 0): Promise<AttemptReport> {
    const isIt = (report: AttemptReport) =>
      report.invocation === key.invocation && report.attempt === key.attempt;
    return (await this.hears("ended", ({ report }) => isIt(report), after)).report;
  }

  async started(key: AttemptKey): Promise<void> {
    await this.hears("started", (each) => each.key.invocation === key.invocation);
  }

  /** As a daemon that was killed: the connection breaks, nobody listens. */
  async stop(): Promise<void> {
    await this.connection?.close();
    const server = this.server;
    this.server = null;
    if (server) await new Promise((done) => server.close(done));
  }

  /** After that, it cannot be started again. */
  async remove(): Promise<void> {
    await this.stop();
    this.claimed?.release();
  }
}

/** Starts an executor on a node whose kernel offers no cgroups: in a mount namespace of its own. */
export const withoutCgroups = [
  "/usr/bin/unshare",
  "-m",
  "sh",
  "-c",
  'mount -t tmpfs none /sys/fs/cgroup && exec "$@"',
  "sh",
] as const;

/**
 * One node with its folders, its hook and its executor; `remove` asserts nothing, `leftovers` lists
 * what is still there.
 */
export class TestNode {
  readonly folder = mkdtempSync(join(tmpdir(), "glean-node-"));
  readonly work = join(this.folder, "work");
  readonly daemon: FakeDaemon;
  readonly spec: LaunchSpec;
  private executor: ChildProcess | null = null;
  private exit: Promise<unknown> = Promise.resolve();
  stderr = "";
  private next = 1;

  private constructor(
    private readonly programs: Programs,
    change: Partial<LaunchSpec>,
    hook: readonly string[],
  ) {
    const secret = randomBytes(32).toString("hex");
    this.daemon = new FakeDaemon(secret);
    chmodSync(this.folder, 0o755);
    mkdirSync(this.work);
    chownSync(this.work, nobody, nobody);
    for (const name of ["glean-prolog", "glean-epilog"])
      cpSync(join(programs.folder, name), join(this.folder, name));
    const runDirectory = join(this.folder, "run");
    writeFileSync(
      join(this.folder, "hook.conf"),
      [`runDir=${runDirectory}`, "answerMs=10000", "deadlineMs=20000", ...hook, ""].join("\n"),
    );
    this.spec = {
      executor: executorId("x-1"),
      node: nodeName("n1"),
      daemonHost: "127.0.0.1",
      daemonPort: 1,
      secret,
      runDirectory,
      logFile: join(this.folder, "executor.log"),
      spawnProgram: join(programs.folder, "glean-spawn"),
      cacheFolder: join(this.folder, "cache"),
      temporaryDirectory: this.folder,
      hookProgram: join(this.folder, "glean-prolog"),
      plugin: null,
      budget: {
        budget: { cores: 16, memoryMb: 8_000, gpus: [] },
        seenHookSequence: 0,
        knownJobs: [],
      },
      memoryIsConsumable: false,
      maxMemoryPerCoreMb: null,
      maxCpusPerToldCpu: 1,
      jobsArePinned: false,
      topologyFolder: null,
      spoolFolder: null,
      cpuTotal: 16,
      gpuTotal: 0,
      gpuDevices: null,
      totalCores: 16,
      killWaitMs: 200,
      isolation: noIsolation,
      orphanMs: 60_000,
      pressure: null,
      pilot: null,
      ...change,
    };
  }

  static async make(
    programs: Programs,
    change: Partial<LaunchSpec> = {},
    hook: readonly string[] = [],
  ): Promise<TestNode> {
    const node = new TestNode(programs, change, hook);
    await node.daemon.listen();
    (node.spec as { daemonPort: number }).daemonPort = node.daemon.port;
    return node;
  }

  /** Starts the executor and waits until it is ready. */
  async start(wrapper: readonly string[] = []): Promise<HeardOf<"ready">> {
    this.launch(wrapper);
    return await this.daemon.hears("ready");
  }

  /** `wrapper`: a command that ends in running the one appended to it, in the same process. */
  launch(wrapper: readonly string[] = []): void {
    const program = join(this.programs.folder, "glean-executor.cjs");
    const [command, ...args] = [...wrapper, process.execPath, program];
    const child = spawn(command!, args, { stdio: ["pipe", "ignore", "pipe"] });
    child.stderr!.on("data", (text) => {
      this.stderr += String(text);
    });
    child.stdin!.end(`${JSON.stringify(this.spec)}\n`);
    this.executor = child;
    this.exit = once(child, "close"); // after all of stderr was read
  }

  get pid(): number {
    return this.executor!.pid!;
  }

  signal(name: NodeJS.Signals): void {
    this.executor?.kill(name);
  }

  /** Resolves with the exit code, null after a signal. */
  async exited(): Promise<number | null> {
    await this.exit;
    return this.executor!.exitCode;
  }

  order(argv: readonly string[], change: Partial<AttemptOrder> = {}): AttemptOrder {
    const invocation = invocationId(this.next++);
    const output = join(this.work, `${invocation}.out`);
    return attemptOrder({
      invocation,
      workingDirectory: this.work,
      stdoutPath: output,
      stderrPath: output,
      environment: { PATH: "/usr/bin:/bin", NODE_OF_TEST: this.folder },
      command: { kind: "argv", argv },
      ...change,
    });
  }

  shell(script: string, change: Partial<AttemptOrder> = {}): AttemptOrder {
    const command = { kind: "script", body: `#!/bin/sh\n${script}\n`, args: [] } as const;
    return this.order([], { command, ...change });
  }

  /** Orders an attempt and waits until its command runs. */
  async run(order: AttemptOrder): Promise<AttemptOrder> {
    this.daemon.send({ type: "start", order });
    await this.daemon.started(order);
    return order;
  }

  /** Orders an attempt and waits for its report. */
  async finish(order: AttemptOrder): Promise<AttemptReport> {
    this.daemon.send({ type: "start", order });
    return await this.daemon.report(order);
  }

  output(order: AttemptOrder): string {
    return readFileSync(order.stdoutPath, "utf8");
  }

  /** Waits until the command wrote that. */
  async prints(order: AttemptOrder, text: string): Promise<void> {
    await until(() => existsSync(order.stdoutPath) && this.output(order).includes(text));
  }

  /**
   * Slurm's prolog or epilog for a job that got `cpus` and `gpus` here; resolves with its exit
   * status.
   */
  async hook(
    which: "prolog" | "epilog",
    job: number,
    cpus: number,
    gpus: readonly number[] = [],
  ): Promise<number | null> {
    const child = spawn(join(this.folder, `glean-${which}`), [], {
      stdio: "ignore",
      env: {
        SLURM_SCRIPT_CONTEXT: `${which}_slurmd`,
        SLURM_JOB_ID: String(job),
        SLURMD_NODENAME: this.spec.node,
        SLURM_JOB_CPUS_PER_NODE: String(cpus),
        SLURM_JOB_NODELIST: this.spec.node,
        SLURM_CLUSTER_NAME: "test",
        ...(gpus.length === 0 ? {} : { SLURM_JOB_GPUS: gpus.join(",") }),
      },
    });
    const [status] = (await once(child, "exit")) as [number | null];
    return status;
  }

  get nodeFolder(): string {
    return join(this.spec.runDirectory, this.spec.node);
  }

  /** Processes of this test, by the names of its folders in what /proc says of them. */
  processes(): string[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => {
        const said = ["environ", "cmdline"].map((file) => readProc(pid, file)).join("\0");
        return said.includes(this.folder) || said.includes(this.programs.folder);
      })
      .map((pid) => `${pid} ${readProc(pid, "cmdline").replaceAll("\0", " ")}`);
  }

  /** The cgroups of this node that are still there. */
  groups(): string[] {
    if (!existsSync(this.spec.runDirectory)) return []; // no executor has begun
    return ["", "unified", "memory", "cpu", "cpuset", "devices", "pids"]
      .map((tree) => this.groupIn(tree))
      .filter((group) => existsSync(group));
  }

  /** Of version 1. */
  get pidsGroup(): string {
    return this.groupIn("pids");
  }

  /** The limit of all functions together; of either version. */
  get memoryLimitFile(): string {
    const version2 = join(this.groupIn(""), "work/memory.max");
    return existsSync(version2)
      ? version2
      : join(this.groupIn("memory"), "work/memory.limit_in_bytes");
  }

  private groupIn(tree: string): string {
    return join("/sys/fs/cgroup", tree, groupNamesOf(this.spec.runDirectory, this.spec.node)[0]!);
  }

  /**
   * Ends whatever runs and removes the folders; resolves with the processes and groups that an
   * orderly end left behind.
   */
  async remove(): Promise<string[]> {
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    await this.exit;
    await this.daemon.remove();
    const left = [...this.processes(), ...this.groups()];
    rmSync(this.folder, { recursive: true, force: true });
    return left;
  }
}

/** Looks again and again: for what has no event. */
export async function until(holds: () => boolean): Promise<void> {
  const patience = new Patience(patienceMs);
  while (!holds()) {
    if (patience.isOver) throw new Error(`waited in vain for ${holds}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return ""; // ended meanwhile
  }
}
