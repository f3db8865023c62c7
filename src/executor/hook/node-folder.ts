// The node's folder under the run directory: its owner, the executor that claims it, and the marks
// of Slurm's jobs.

import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { assert, errnoOf, errorCodeOf, GleanerError } from "../../model/errors.js";
import type { ExecutorId, JobId, NodeName } from "../../model/ids.js";
import type { JobShare } from "../budget/budget.js";
import { isAlive, type ProcessName, startTicksOf } from "../node/processes.js";
import { type HookKill, parseKillNote, parseMark } from "./lines.js";

/** The size of sun_path, including its terminating zero. */
const maxSocketPathBytes = 107;
/** Two executors that start together try for the same name; one gives up at the first look. */
const maxClaims = 3;

/** What a node's hook left for its executor to read. */
export type JobMarks = Pick<NodeFolder, "readMarks" | "removeMarks" | "takeKillNotes">;

export class NodeFolder {
  private constructor(
    private readonly directory: string,
    private readonly executor: ExecutorId,
  ) {}

  /**
   * Creates `<runDirectory>/<node>` if it is missing and claims it for this process, which is
   * `executor`. Throws LAUNCH if the folder is not ours alone, or if another executor lives in it.
   */
  static claim(runDirectory: string, node: NodeName, executor: ExecutorId): NodeFolder {
    const folder = new NodeFolder(join(runDirectory, node), executor);
    if (Buffer.byteLength(folder.socketPath) > maxSocketPathBytes)
      throw new GleanerError(
        "LAUNCH",
        `${folder.socketPath} is longer than the limit of ${maxSocketPathBytes} bytes for a socket's path: choose a shorter runDirectory`,
      );
    for (const directory of [runDirectory, folder.directory]) makeOwnDirectory(directory);
    folder.take();
    return folder;
  }

  get socketPath(): string {
    return join(this.directory, "hook.sock");
  }

  /** Where workers connect while they start. */
  get workerSocketPath(): string {
    return join(this.directory, "work.sock");
  }

  private get pidFile(): string {
    return join(this.directory, "executor.pid");
  }

  /** Puts the file in place by link(2), which fails if it exists: of two starters one wins. */
  private take(): void {
    let left: string | null = null;
    for (let attempt = 0; attempt < maxClaims; attempt++) {
      // Functions of a dead executor may still be dying: a job that comes meanwhile must find their
      // cgroup here.
      const mine = this.write(left);
      try {
        if (tryLink(mine, this.pidFile)) return;
      } finally {
        rmSync(mine, { force: true });
      }
      left = this.removeDead() ?? left;
    }
    throw new GleanerError(
      "LAUNCH",
      `${this.pidFile} is being claimed by another executor: try again`,
    );
  }

  /** Returns the kill file that the dead executor had published. */
  private removeDead(): string | null {
    const content = readSmall(this.pidFile);
    const owner = content === null ? null : parsePidFile(content);
    if (owner !== null && isAlive(owner))
      throw new GleanerError(
        "LAUNCH",
        `an executor (pid ${owner.pid}) is running in ${this.directory}: stop it first`,
      );
    // Moved aside and checked again: the executor that was read may be gone, and another's claim
    // may be there by now.
    const aside = join(this.directory, `executor.pid.dead.${process.pid}`);
    try {
      renameSync(this.pidFile, aside);
    } catch {
      return null;
    }
    if (readSmall(aside) !== content) tryLink(aside, this.pidFile);
    rmSync(aside, { force: true });
    return /^kill=(\/sys\/fs\/cgroup\/.+)$/m.exec(content ?? "")?.[1] ?? null;
  }

  /** Tells the hook which cgroup to kill if this executor does not answer. */
  publishKillFile(killFile: string | null): void {
    renameSync(this.write(killFile), this.pidFile);
  }

  private write(killFile: string | null): string {
    const file = join(this.directory, `executor.pid.${process.pid}`);
    const startTicks = startTicksOf(process.pid);
    assert(startTicks !== null, "a running process has a start time");
    const lines = [`pid=${process.pid}`, `startTicks=${startTicks}`, `executor=${this.executor}`];
    if (killFile !== null) lines.push(`kill=${killFile}`);
    try {
      writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
    } catch (thrown) {
      rmSync(file, { force: true });
      throw notWritten(this.directory, thrown);
    }
    return file;
  }

  /** The jobs to which Slurm gave part of this node, whether or not an executor was there then. */
  readMarks(): JobShare[] {
    const marks = this.markFiles().map(parseMark);
    return marks.filter((mark) => mark !== null);
  }

  removeMarks(jobs: ReadonlySet<JobId>): void {
    for (const file of this.markFiles()) {
      const mark = parseMark(file);
      if (mark !== null && jobs.has(mark.job)) this.remove(join("jobs", file));
    }
  }

  private markFiles(): string[] {
    return this.entriesOf("jobs");
  }

  private entriesOf(name: "jobs" | "unkillable"): string[] {
    try {
      return readdirSync(join(this.directory, name));
    } catch (thrown) {
      if (errorCodeOf(thrown) === "ENOENT") return [];
      throw thrown;
    }
  }

  /**
   * Processes that the hook or an executor could not kill; removes the notes of those that are
   * gone.
   */
  readUnkillable(): readonly number[] {
    let notes: readonly string[] = [];
    unlessRefused(() => {
      notes = this.entriesOf("unkillable");
    });
    return notes.flatMap((file) => {
      const parts = /^(\d{1,7})\.(\d{1,20})$/.exec(file);
      if (parts !== null && isAlive({ pid: Number(parts[1]), startTicks: parts[2]! }))
        return [Number(parts[1])];
      this.remove(join("unkillable", file));
      return [];
    });
  }

  /**
   * Prevents prologs that find no executor from waiting for these processes; where no note can be
   * written, such a prolog waits again.
   */
  noteUnkillable(pids: readonly number[]): void {
    if (pids.length === 0) return;
    const notes = join(this.directory, "unkillable");
    unlessRefused(() => {
      for (const each of [dirname(this.directory), this.directory, notes]) makeOwnDirectory(each);
      for (const pid of pids) {
        const startTicks = startTicksOf(pid);
        if (startTicks !== null) writeFileSync(join(notes, `${pid}.${startTicks}`), "");
      }
    });
  }

  /** A mark or note that stays costs idle resources at most, until it can be removed. */
  private remove(name: string): void {
    unlessRefused(() => rmSync(join(this.directory, name), { force: true }));
  }

  /** The hook's notes about executors that it killed here; each note is taken once. */
  takeKillNotes(): readonly (HookKill & { readonly atWallMs: number })[] {
    return readdirSync(this.directory).flatMap((file) => {
      const note = parseKillNote(file);
      if (note === null) return [];
      const path = join(this.directory, file);
      const atWallMs = lstatSync(path).mtimeMs;
      rmSync(path, { force: true });
      return [{ ...note, atWallMs }];
    });
  }

  /**
   * Why the hook would not find this executor here, or not believe what it finds; null if it does.
   */
  get problem(): string | null {
    try {
      for (const directory of [dirname(this.directory), this.directory])
        if (!isOwnDirectory(directory)) return notOwn(directory);
    } catch (thrown) {
      return `${this.directory} cannot be read (${errorCodeOf(thrown)})`;
    }
    try {
      if (parsePidFile(readFileSync(this.pidFile, "latin1"))?.pid === process.pid) return null;
    } catch (thrown) {
      const code = errorCodeOf(thrown);
      if (code !== "ENOENT") return `${this.pidFile} cannot be read (${code})`;
    }
    return `${this.pidFile} was removed or replaced`;
  }

  /** Removes the socket first: while the claim stands, no other executor creates its own. */
  leave(): void {
    rmSync(this.socketPath, { force: true });
    rmSync(this.pidFile, { force: true });
  }
}

/** Whatever the file system refuses must not end an executor, and with it all that runs. */
function unlessRefused(change: () => void): void {
  try {
    change();
  } catch (thrown) {
    if (!(thrown instanceof GleanerError) && errnoOf(thrown) === 0) throw thrown;
  }
}

/** The hook rejects a folder that others may write to, so this does too. */
function makeOwnDirectory(directory: string): void {
  try {
    mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
    mkdirSync(directory, { mode: 0o700 });
  } catch (thrown) {
    if (errorCodeOf(thrown) !== "EEXIST") throw notWritten(directory, thrown);
  }
  if (!isOwnDirectory(directory)) throw new GleanerError("LAUNCH", notOwn(directory));
}

function isOwnDirectory(directory: string): boolean {
  const is = lstatSync(directory, { throwIfNoEntry: false });
  return is?.isDirectory() === true && is.uid === process.geteuid!() && (is.mode & 0o022) === 0;
}

const notWritten = (directory: string, thrown: unknown): GleanerError =>
  new GleanerError(
    "LAUNCH",
    `${directory} cannot be written (${errorCodeOf(thrown)}): check its file system, and how much of it is free`,
    { cause: thrown },
  );

const notOwn = (directory: string): string =>
  `${directory} must be a directory that only uid ${process.geteuid!()} owns and may write to`;

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (thrown) {
    if (errorCodeOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

function readSmall(file: string): string | null {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return null;
  }
}

function parsePidFile(content: string): ProcessName | null {
  const pid = /^pid=(\d{1,10})$/m.exec(content);
  const startTicks = /^startTicks=(\d{1,20})$/m.exec(content);
  return pid && startTicks ? { pid: Number(pid[1]), startTicks: startTicks[1]! } : null;
}
