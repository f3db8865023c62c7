// The files that a run writes instead of standard output and error, opened by the user's own
// program as srun does, and not on the node.

import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { userInfo } from "node:os";
import { resolve } from "node:path";
import { getSystemErrorMap } from "node:util";
import { errorCodeOf, GleanerError } from "../../model/errors.js";
import { fillPattern, type PatternNames } from "../../model/records/file-pattern.js";
import { Sink } from "./sink.js";

export interface FileSettings {
  readonly tasks: number;
  readonly name: string;
  readonly isAppended: boolean;
}

/** What is known only once gleanerd has the run, and once its node has connected. */
export interface KnownNames {
  readonly id?: number;
  readonly node?: string;
}

interface OpenFile {
  readonly descriptor: number;
  readonly sink: Sink;
}

const ofId = /%\d*[AjJ]/;
const ofNode = /%\d*N/;

export class OutputFiles {
  /** Why the first file that could not be written could not; null: all is well. */
  problem: string | null = null;
  private readonly files = new Map<string, OpenFile>();
  /** By pattern and task, with the names that are known by now. */
  private readonly paths = new Map<string, string[]>();
  private readonly user = userInfo().username;
  private known: KnownNames = {};

  constructor(
    private readonly patterns: readonly string[],
    private readonly settings: FileSettings,
    private readonly onRoom: () => void,
    private readonly onBroken: () => void,
  ) {}

  /** Opens the files whose names are known by now; throws BAD_REQUEST if one cannot be opened. */
  know(more: KnownNames): void {
    this.known = { ...this.known, ...more };
    this.paths.clear();
    const { id, node } = this.known;
    for (const pattern of this.patterns) {
      if (id === undefined && ofId.test(pattern)) continue;
      if (node === undefined && ofNode.test(pattern)) continue;
      for (let task = 0; task < this.settings.tasks; task++) this.open(this.pathOf(pattern, task));
    }
  }

  /** Undefined if the file could not be opened. */
  sinkOf(pattern: string, task: number): Sink | undefined {
    return this.files.get(this.pathOf(pattern, task))?.sink;
  }

  get sinks(): readonly Sink[] {
    return [...this.files.values()].map(({ sink }) => sink);
  }

  /** After all was flushed; some file systems say only here that the disk is full. */
  close(): void {
    for (const [path, { descriptor }] of this.files)
      try {
        closeSync(descriptor);
      } catch (problem) {
        this.problem ??= sentenceOf(path, problem as NodeJS.ErrnoException);
      }
    this.files.clear();
  }

  private open(path: string): void {
    // Both streams, and all tasks, may share it; a run that starts again goes on with it.
    if (this.files.has(path)) return;
    // Without O_NONBLOCK, the opening of a FIFO would wait for its reader, deaf to Ctrl-C.
    const { O_APPEND, O_CREAT, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;
    const start = this.settings.isAppended ? 0 : O_TRUNC;
    let descriptor: number;
    try {
      descriptor = openOwn(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | start);
    } catch (problem) {
      if (problem instanceof GleanerError) throw problem;
      throw new GleanerError("BAD_REQUEST", sentenceOf(path, problem as NodeJS.ErrnoException));
    }
    const sink = new Sink(descriptor, this.onRoom, (problem) => {
      this.problem ??= sentenceOf(path, problem);
      this.onBroken();
    });
    this.files.set(path, { descriptor, sink });
  }

  private pathOf(pattern: string, task: number): string {
    const ofTasks = this.paths.get(pattern) ?? this.pathsOf(pattern);
    this.paths.set(pattern, ofTasks);
    return ofTasks[task]!;
  }

  private pathsOf(pattern: string): string[] {
    const { id = 0, node = "" } = this.known;
    const { name, tasks } = this.settings;
    return Array.from({ length: tasks }, (_, task) => {
      const names: PatternNames = { id, node, name, user: this.user, task, ...noArray };
      return resolve(fillPattern(pattern, names));
    });
  }
}

/**
 * In a folder that several users may write to, another user may have put a link to a file of this
 * user there: as for the output of `glean batch`, only links of this user and root are followed.
 */
function openOwn(path: string, flags: number): number {
  try {
    return openSync(path, flags | constants.O_NOFOLLOW, 0o666);
  } catch (problem) {
    if (errorCodeOf(problem) !== "ELOOP") throw problem;
  }
  const { uid } = lstatSync(path);
  if (uid !== 0 && uid !== process.geteuid!())
    throw new GleanerError(
      "BAD_REQUEST",
      `${path} is a link that another user made: remove it, or write elsewhere with --output or --error`,
    );
  return openSync(path, flags, 0o666);
}

const noArray = { arrayJobId: null, arrayTaskId: null };

function sentenceOf(path: string, problem: NodeJS.ErrnoException): string {
  if (problem.code === "ENXIO")
    return `cannot write ${path}: nothing reads from it: start its reader first, or write elsewhere with --output or --error`;
  const [, reason] = getSystemErrorMap().get(problem.errno ?? 0) ?? ["", problem.message];
  return `cannot write ${path}: ${reason}: write elsewhere with --output or --error`;
}
