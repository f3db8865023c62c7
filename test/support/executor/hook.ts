// The node hook on a made-up node n2: its folders, its executor that answers or does not, and
// glean-prolog run as by slurmd.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import * as readline from "node:readline";
import { isGone } from "../../../scripts/cluster/processes/gone.js";
import { errorCodeOf } from "../../../src/model/errors.js";
import { pluginFolder } from "./plugin.js";

/** A job as a real prolog of Slurm 22.05 sees it, on the second of its two nodes. */
export const job = {
  SLURM_JOB_ID: "12",
  SLURMD_NODENAME: "n2",
  SLURM_JOB_CPUS_PER_NODE: "5,1",
  SLURM_JOB_NODELIST: "n[1-2]",
  SLURM_JOB_UID: "1000",
  SLURM_JOB_PARTITION: "batch",
  SLURM_CLUSTER_NAME: "demo",
};
export const prolog = { ...job, SLURM_SCRIPT_CONTEXT: "prolog_slurmd" };
export const epilog = { ...job, SLURM_SCRIPT_CONTEXT: "epilog_slurmd" };

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** All that a site ever sees of the hook. */
export const silent: Run = { status: 0, stdout: "", stderr: "" };

/** A stand-in for an executor: its process and those that it started. */
export interface Tree {
  readonly pid: number;
  readonly pids: readonly number[];
}

export const alive = (tree: Tree): number[] =>
  [tree.pid, ...tree.pids].filter((pid) => !isGone(pid));

export function startTicks(pid: number): string {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

export class HookedNode {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "glean-hook-"));
  readonly runDirectory = path.join(this.folder, "run");
  /** The node's folder in it. */
  readonly node = path.join(this.runDirectory, "n2");
  private readonly children = new Set<ChildProcess>();
  private readonly servers = new Set<net.Server>();
  private readonly trees = new Set<Tree>();

  constructor() {
    for (const name of ["glean-prolog", "glean-epilog"])
      fs.copyFileSync(path.join(pluginFolder, name), path.join(this.folder, name));
    const sanitized = path.join(pluginFolder, "asan", "glean-prolog");
    fs.copyFileSync(sanitized, path.join(this.folder, "asan-prolog"));
    fs.mkdirSync(this.node, { recursive: true, mode: 0o700 });
    this.configure();
  }

  /** Writes hook.conf; later lines win. */
  configure(more: readonly string[] = [], mode = 0o644): void {
    const file = path.join(this.folder, "hook.conf");
    const lines = [`runDir = ${this.runDirectory}`, "answerMs=2000", "deadlineMs=20000"];
    fs.writeFileSync(file, ["# of a test", ...lines, ...more, ""].join("\n"));
    fs.chmodSync(file, mode);
  }

  async run(
    env: Record<string, string>,
    args: readonly string[] = [],
    name = "glean-prolog",
  ): Promise<Run> {
    const child = spawn(path.join(this.folder, name), args, {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
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

  /**
   * A listening hook.sock; every line it received, and how `answer` handles each connection's first
   * line.
   */
  async listen(answer: (socket: net.Socket, line: string) => void): Promise<string[]> {
    const lines: string[] = [];
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (line) => {
        lines.push(String(line));
        answer(socket, String(line));
      });
    });
    this.servers.add(server);
    server.listen(path.join(this.node, "hook.sock"));
    await once(server, "listening");
    return lines;
  }

  /** Starts a process that remove() ends at the latest. */
  start(command: string, args: readonly string[], stdio: "ignore" | "pipe" = "ignore") {
    const child = spawn(command, args, { stdio: ["ignore", stdio, "ignore"] });
    this.children.add(child);
    child.on("exit", () => this.children.delete(child));
    return child;
  }

  /** An executor with a child and a grandchild in a session of its own; executor.pid names it. */
  async startTree(pidLines: readonly string[] = []): Promise<Tree> {
    const script =
      "sh -c 'echo $$; exec sleep 1000' & setsid sh -c 'sh -c \"echo \\$\\$; exec sleep 1000\" & echo $$; wait' & wait";
    const executor = this.start("sh", ["-c", script], "pipe");
    const pids: number[] = [];
    for await (const line of readline.createInterface({ input: executor.stdout! })) {
      if (pids.push(Number(line)) === 3) break;
    }
    const pid = executor.pid ?? 0;
    const tree = { pid, pids };
    this.trees.add(tree);
    this.writePid([
      `pid=${pid}`,
      `startTicks=${startTicks(pid)}`,
      "executor=n2.1234abcd",
      ...pidLines,
    ]);
    return tree;
  }

  writePid(lines: readonly string[]): void {
    fs.writeFileSync(path.join(this.node, "executor.pid"), `${lines.join("\n")}\n`);
  }

  get marks(): string[] {
    return fs.readdirSync(path.join(this.node, "jobs")).sort();
  }

  /** What the hook noted for reports, without the milliseconds. */
  get notes(): string[] {
    const noted = fs.readdirSync(this.node).filter((name) => /^(killed|late)\./.test(name));
    return noted.map((name) => name.split(".").toSpliced(2, 1).join("."));
  }

  remove(): void {
    for (const server of this.servers) server.close();
    for (const pid of [...this.trees].flatMap(alive)) kill(pid);
    for (const child of this.children) child.kill("SIGKILL");
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Unless it has ended since it was looked at. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (errorCodeOf(thrown) !== "ESRCH") throw thrown;
  }
}
