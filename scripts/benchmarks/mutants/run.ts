// Runs test files in the sandbox, one after the other until one fails, in their own process
// namespace if permitted: whatever they started and mounted is gone afterwards.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Patience } from "../../lib/patience.mjs";
import { cpuMsOf, preciseMs } from "../lib/harness.js";

const lookIntervalMs = 200;
/**
 * The processor time that a file may take beyond a multiple of its usual time; after that it is in
 * an endless loop.
 */
const spareCpuMs = 15_000;
const timesUsual = 4;
/** Ends whatever waits without using a processor and is not ended by jest's own limits. */
const patienceMs = 600_000;
/** Enough for every test; a mutant that fills the memory ends soon. */
const heapMb = 2_048;

export interface TestFile {
  /** From the root: `test/unit/core/core.test.ts`. */
  readonly path: string;
  /** The time of jest's own process. */
  readonly cpuMs: number;
}

export type Outcome =
  | { readonly kind: "passed"; readonly cpuMs: number; readonly wallMs: number }
  | { readonly kind: "failed"; readonly file: string; readonly test: string }
  | { readonly kind: "hung"; readonly file: string };

interface News {
  readonly what: "begin" | "failed" | "end";
  readonly path: string;
  /** The name of the failed test. */
  readonly test?: string;
}

const namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
const [unshare, ...unshareArgs] = namespace as [string, ...string[]];
const isIsolated = spawnSync(unshare, [...unshareArgs, "true"]).status === 0;
/** The processes above jest's own: unshare, and a shell that reaps orphans. */
const wrappers = isIsolated ? 2 : 1;

/** What runs now and where it writes: ended and removed if the benchmark is interrupted. */
let current: { readonly pid: number; readonly temporary: string } | null = null;

export function endCurrent(): void {
  if (current === null) return;
  kill(current.pid);
  rmSync(current.temporary, { recursive: true, force: true, maxRetries: 10 });
}

/**
 * When unshare ends, the kernel ends its namespace; a session of its own would also get its own
 * share of the processors.
 */
function kill(pid: number): void {
  try {
    process.kill(isIsolated ? pid : -pid, "SIGKILL");
  } catch {
    // it has ended
  }
}

/** In the given order. */
export async function runTests(
  sandbox: string,
  files: readonly TestFile[],
  environment: Readonly<Record<string, string>>,
): Promise<Outcome> {
  // Short, because sockets are created in it, whose names have at most a hundred bytes.
  const temporary = mkdtempSync(join(tmpdir(), "gm-"));
  chmodSync(temporary, 0o1777);
  const newsFile = join(temporary, "news");
  const errorFile = join(temporary, "errors");
  const own = join(sandbox, "scripts/benchmarks/mutants");
  const jest = [
    ...["--experimental-vm-modules", `--max-old-space-size=${heapMb}`],
    ...["node_modules/jest/bin/jest.js", "--runInBand", "--bail=1", "--watchman=false"],
    "--forceExit", // a mutant may leave something open forever
    ...[`--cacheDirectory=${join(sandbox, ".jest")}`, "--silent", "--reporters=default"],
    ...[`--env=${join(own, "environment.mjs")}`, `--testSequencer=${join(own, "sequencer.mjs")}`],
    ...["--runTestsByPath", ...files.map(({ path }) => path)],
  ];
  const shell = ["bash", "-c", '"$@"; exit $?', "bash", process.execPath, ...jest];
  const [command, ...args] = [...(isIsolated ? namespace : []), ...shell] as [string, ...string[]];
  const child = spawn(command, args, {
    cwd: sandbox,
    detached: !isIsolated,
    stdio: ["ignore", "ignore", openSync(errorFile, "w")],
    env: {
      ...process.env,
      ...environment,
      TMPDIR: temporary,
      GLEANER_MUTANTS_NEWS: newsFile,
      GLEANER_MUTANTS_ORDER: files.map(({ path }) => path).join(":"),
    },
  });
  current = { pid: child.pid!, temporary };
  const watch = new Watch(child.pid!, newsFile, errorFile, sandbox, files);
  try {
    const [status] = (await once(child, "close")) as [number | null];
    return watch.outcome(status === 0);
  } finally {
    watch.end();
    kill(child.pid!);
    current = null;
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Watches jest's reports and its usage, and kills it if it hangs. */
class Watch {
  readonly #timer = setInterval(() => this.#look(), lookIntervalMs);
  readonly #patience = new Patience(patienceMs);
  readonly #usual: ReadonlyMap<string, number>;
  readonly #startedMs = preciseMs();
  #cpuMs = 0;
  #file = "";
  #fileSinceCpuMs = 0;
  #hasHung = false;

  constructor(
    private readonly pid: number,
    private readonly newsFile: string,
    private readonly errorFile: string,
    private readonly sandbox: string,
    files: readonly TestFile[],
  ) {
    this.#usual = new Map(files.map(({ path, cpuMs }) => [join(sandbox, path), cpuMs]));
  }

  end(): void {
    clearInterval(this.#timer);
  }

  outcome(hasPassed: boolean): Outcome {
    const news = this.#news();
    if (news.length === 0)
      throw new Error(`jest cannot run in the sandbox: ${readFileSync(this.errorFile, "utf8")}`);
    const failed = news.find(({ what }) => what === "failed");
    if (failed !== undefined)
      return { kind: "failed", file: relative(this.sandbox, failed.path), test: failed.test! };
    const file = fileAt(news);
    if (this.#hasHung) return { kind: "hung", file: relative(this.sandbox, file) };
    if (hasPassed)
      return { kind: "passed", cpuMs: this.#cpuMs, wallMs: preciseMs() - this.#startedMs };
    return { kind: "failed", file: relative(this.sandbox, file), test: "outside its tests" };
  }

  #look(): void {
    try {
      this.#cpuMs = cpuMsOf(below(this.pid, wrappers));
    } catch {
      return; // it has not begun, or has ended
    }
    const news = this.#news();
    const file = fileAt(news);
    if (file !== this.#file) {
      this.#file = file;
      this.#fileSinceCpuMs = this.#cpuMs;
    }
    const limitCpuMs = timesUsual * (this.#usual.get(file) ?? 0) + spareCpuMs;
    const isOver = this.#cpuMs - this.#fileSinceCpuMs > limitCpuMs || this.#patience.isOver;
    if (!isOver && !hasFailedAndEnded(news)) return;
    this.#hasHung = isOver;
    kill(this.pid);
  }

  #news(): News[] {
    if (!existsSync(this.newsFile)) return [];
    const lines = readFileSync(this.newsFile, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as News);
  }
}

/** The file that was begun last; empty if there is none yet. */
const fileAt = (news: readonly News[]): string =>
  news.findLast(({ what }) => what === "begin")?.path ?? "";

/** Its hooks have cleaned up, and whatever jest would begin next is not needed. */
const hasFailedAndEnded = (news: readonly News[]): boolean => {
  const failed = news.findIndex(({ what }) => what === "failed");
  return failed >= 0 && news.slice(failed).some(({ what }) => what === "end");
};

/** The process this many first children below. */
function below(pid: number, depth: number): number {
  if (depth === 0) return pid;
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ");
  return below(Number(child), depth - 1);
}
