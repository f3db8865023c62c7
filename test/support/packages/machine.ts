// A machine of its own for tests that install packages: what is written there is gone at its end.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterPatience } from "../../../scripts/lib/patience.mjs";

const program = fileURLToPath(new URL("./start-machine.sh", import.meta.url));
const namespaces = ["--mount", "--pid", "--net", "--uts", "--fork", "--kill-child"];

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Machine {
  private constructor(
    private readonly starter: ChildProcess,
    private readonly folder: string,
    /** The first process of the machine, as it is numbered outside. */
    private readonly pid: string,
  ) {}

  /** `packages` is there as /mnt/packages. */
  static async start(packages: string, name: string, address: string): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), "gleaner-machine-"));
    const starter = spawn(
      "unshare",
      [...namespaces, "--propagation", "private", program, folder, packages, name, address],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    const ready = once(starter.stdout, "data");
    const ended = once(starter, "exit").then(([status]) => {
      throw new Error(`the machine could not be made (exit status ${status})`);
    });
    await Promise.race([ready, ended]);
    ended.catch(() => undefined);
    const children = `/proc/${starter.pid}/task/${starter.pid}/children`;
    return new Machine(starter, folder, readFileSync(children, "utf8").trim());
  }

  /** Starts a shell command and waits for its end. */
  async run(command: string, timeoutMs = 60_000): Promise<Ended> {
    const child = this.start(command, ["ignore", "pipe", "pipe"]);
    const timer = afterPatience(timeoutMs, () => child.kill("SIGKILL"));
    let stdout = "";
    let stderr = "";
    child.stdout!.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr!.on("data", (chunk) => {
      stderr += chunk;
    });
    const [status] = await once(child, "close");
    clearTimeout(timer);
    return { status, stdout, stderr };
  }

  /** As run(); throws with all output if the command fails. */
  async do(command: string, timeoutMs?: number): Promise<string> {
    const { status, stdout, stderr } = await this.run(command, timeoutMs);
    if (status === 0) return stdout;
    throw new Error(`${command}: exit status ${status}\n${stdout}${stderr}`);
  }

  /** Starts a shell command that goes on. */
  start(command: string, stdio: ("ignore" | "pipe")[] = ["ignore", "ignore", "ignore"]) {
    const into = ["--target", this.pid, "--mount", "--pid", "--net", "--uts", "--root", "--wd"];
    const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", LANG: "C.UTF-8" };
    return spawn("nsenter", [...into, "sh", "-c", command], {
      stdio: stdio as "pipe"[],
      env: { ...environment, DEBIAN_FRONTEND: "noninteractive" },
    });
  }

  async stop(): Promise<void> {
    const ended = once(this.starter, "exit");
    this.starter.kill("SIGKILL");
    await ended;
    rmSync(this.folder, { recursive: true });
  }
}

/** Whether this user may make one. */
export const mayStartMachines =
  process.getuid?.() === 0 &&
  spawnSync("unshare", [...namespaces, "true"], { stdio: "ignore" }).status === 0;
