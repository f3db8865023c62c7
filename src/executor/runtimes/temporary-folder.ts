// The folder of this executor under which each command gets one for its temporary files; what an
// executor that was killed has left is swept.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdtempSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { errorCodeOf, GleanerError, messageOf } from "../../model/errors.js";
import type { LaunchSpec } from "../../wire/launch.js";

/** What is no reason to stay: something is in it, it is gone, or its disk is broken. */
const isLeft: ReadonlySet<string> = new Set(["ENOTEMPTY", "ENOENT", "EROFS", "EIO"]);

type Spec = Pick<
  LaunchSpec,
  "temporaryDirectory" | "runDirectory" | "node" | "spawnProgram" | "isolation"
>;

export class TemporaryFolder {
  private count = 0;
  private sweeping: ChildProcess | null = null;
  private isClosed = false;

  private constructor(
    private path: string,
    private readonly left: string[],
    private readonly program: string,
    private readonly make: () => string,
  ) {}

  /**
   * null if commands get none: where each has the directory for itself, or where it cannot be used,
   * which `explain` is told.
   */
  static open(spec: Spec, explain: (why: string) => void): TemporaryFolder | null {
    const { temporaryDirectory, isolation, spawnProgram } = spec;
    if (
      isolation.privateDirectories.some((each) => `${temporaryDirectory}/`.startsWith(`${each}/`))
    )
      return null;
    try {
      requireSticky(temporaryDirectory);
      const prefix = prefixOf(spec);
      const left = readdirSync(temporaryDirectory)
        .filter((name) => name.startsWith(prefix))
        .map((name) => join(temporaryDirectory, name))
        .filter(isOurs);
      const make = () => makeFolder(join(temporaryDirectory, prefix));
      const folder = new TemporaryFolder(make(), left, spawnProgram, make);
      folder.sweep();
      return folder;
    } catch (thrown) {
      explain(`functions have no TMPDIR of their own: ${messageOf(thrown)}`);
      return null;
    }
  }

  /**
   * A path for the next command. What cleans /tmp may have removed the folder, which was empty, and
   * another user may have put something in its place.
   */
  next(): string {
    if (!isOurs(this.path)) this.renew();
    return join(this.path, String(++this.count));
  }

  private renew(): void {
    try {
      this.path = this.make();
    } catch {
      // The command's start fails on the missing folder, and says so.
    }
  }

  /** No command runs any more. What could not be removed is left to the next executor. */
  close(): void {
    this.isClosed = true;
    this.sweeping?.kill("SIGKILL");
    if (!isOurs(this.path)) return;
    try {
      rmdirSync(this.path);
    } catch (thrown) {
      const code = errorCodeOf(thrown) ?? "";
      if (!isLeft.has(code)) throw thrown;
    }
  }

  /** One after another, each at the lowest priority and as its owner. */
  private sweep(): void {
    const next = this.left.pop();
    if (next === undefined || this.isClosed) return;
    let child: ChildProcess;
    try {
      child = spawn(this.program, ["--sweep", next], { stdio: "ignore", cwd: "/", env: {} });
    } catch {
      return; // there is no memory for another process: the next executor sweeps the rest
    }
    this.sweeping = child;
    child.once("error", () => {}); // the first command fails for the same reason, and says so
    child.once("close", () => this.sweep());
    child.unref();
  }
}

/**
 * Short, as sockets below TMPDIR have paths of at most 107 bytes, and the same for each executor of
 * a node, of which there is one at a time.
 */
export function prefixOf({ runDirectory, node }: Pick<Spec, "runDirectory" | "node">): string {
  const hash = createHash("sha256").update(`${runDirectory}\0${node}`).digest("hex");
  return `gleaner-${hash.slice(0, 10)}.`;
}

function makeFolder(prefix: string): string {
  const path = mkdtempSync(prefix);
  chmodSync(path, 0o711); // whatever the umask
  return path;
}

function isOurs(path: string): boolean {
  const is = lstatSync(path, { throwIfNoEntry: false });
  return is?.isDirectory() === true && is.uid === process.geteuid!() && (is.mode & 0o022) === 0;
}

/** Otherwise another user could put a folder of theirs in place of ours. */
function requireSticky(directory: string): void {
  const { mode } = statSync(directory);
  if ((mode & 0o022) !== 0 && (mode & 0o1000) === 0)
    throw new GleanerError(
      "LAUNCH",
      `others may rename what is in ${directory}: give it the mode 1777, or set functions.temporaryDirectory`,
    );
}
