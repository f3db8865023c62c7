// The daemon's side of one database thread: calls wait here and are sent in groups, one group at a
// time.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { GleanerError } from "../../model/errors.js";
import type { Call, Failure, Reply, Request, ThreadData } from "./messages.js";

interface Waiting {
  readonly call: Call;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: GleanerError) => void;
}

/**
 * Calls that wait for the disk, in total: at 10,000 writes a second and more, 2 s of delay; beyond
 * that the disk is stuck.
 */
export const maxWaitingCalls = 20_000;
/**
 * The thread's garbage is collected early: otherwise three threads would keep 48 MB each for it.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 8 };
/** Limits how long one transaction keeps its callers waiting and how large one message is. */
const maxGroupWrites = 1_000;
/** A read takes up to 10 ms, and early calls should not wait for later ones. */
const maxGroupReads = 4;

export class WorkerClient {
  private readonly worker: Worker;
  private readonly what: string;
  private waiting: Waiting[] = [];
  private inFlight: readonly Waiting[] = [];
  private scheduled = false;
  /** Set once no more calls are accepted: closed, or the thread is lost. */
  private ended: GleanerError | null = null;
  private closing = false;
  private readonly exited: Promise<void>;

  /**
   * Starts the thread; resolves when its database is open, rejects with a GleanerError with code
   * STORE.
   */
  static async open(workerFile: string, data: ThreadData): Promise<WorkerClient> {
    const maxGroupCalls = data.access === "write" ? maxGroupWrites : maxGroupReads;
    const worker = new Worker(workerFile, { workerData: data, resourceLimits });
    // An ordinary exit before any message: `workerFile` is not the store's worker.
    const silent = once(worker, "exit").then(() => Promise.reject(new Error("it said nothing")));
    const [reply] = (await Promise.race([once(worker, "message"), silent]).catch((cause) => {
      const hint = `the database's thread ${workerFile} does not start: install gleaner again`;
      throw new GleanerError("STORE", hint, { cause });
    })) as [Reply];
    if (reply.kind !== "failed") return new WorkerClient(worker, data.file, maxGroupCalls);
    await worker.terminate();
    throw errorOf(reply.failure);
  }

  private constructor(
    worker: Worker,
    what: string,
    private readonly maxGroupCalls: number,
  ) {
    this.worker = worker;
    this.what = what;
    worker.on("message", (reply: Reply) => this.receive(reply));
    worker.on("error", (cause) => this.lose(cause));
    this.exited = new Promise((resolve) => {
      worker.on("exit", (code) => {
        this.lose(`it exited with ${code}`);
        resolve();
      });
    });
  }

  /**
   * Rejects with LIMIT_REACHED if too many calls wait, with STORE if the database fails or is gone.
   */
  call(name: string, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.ended !== null) return reject(this.ended);
      if (this.waiting.length + this.inFlight.length >= maxWaitingCalls)
        return reject(
          new GleanerError(
            "LIMIT_REACHED",
            `${maxWaitingCalls} calls are already waiting for the database ${this.what}: try again in a moment`,
          ),
        );
      this.waiting.push({ call: { name, args }, resolve, reject });
      this.schedule();
    });
  }

  /**
   * Finishes waiting calls, or refuses them; then closes the database. Resolves when its thread has
   * ended.
   */
  close(waiting: "finish" | "refuse" = "finish"): Promise<void> {
    if (this.ended === null) {
      this.ended = new GleanerError("STORE", `${this.what} was closed: start gleanerd again`);
      if (waiting === "refuse") for (const { reject } of this.waiting.splice(0)) reject(this.ended);
      this.closing = true;
      this.schedule();
    }
    return this.exited;
  }

  /** At the end of the turn, so that all calls of one turn share a commit. */
  private schedule(): void {
    if (this.scheduled || this.inFlight.length > 0) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.sendNext();
    });
  }

  private sendNext(): void {
    if (this.waiting.length > 0) {
      const group = this.waiting.splice(0, this.maxGroupCalls);
      this.inFlight = group;
      this.post({ kind: "group", calls: group.map(({ call }) => call) });
    } else if (this.closing) this.post({ kind: "close" });
  }

  private post(request: Request): void {
    this.worker.postMessage(request);
  }

  private receive(reply: Reply): void {
    const group = this.inFlight;
    this.inFlight = [];
    if (reply.kind === "failed") {
      for (const { reject } of group) reject(errorOf(reply.failure));
    } else if (reply.kind === "outcomes") {
      reply.outcomes.forEach((outcome, index) => {
        const { resolve, reject } = group[index]!;
        if (outcome.kind === "done") resolve(outcome.value);
        else reject(errorOf(outcome.failure));
      });
    }
    if (this.waiting.length > 0 || this.closing) this.schedule();
  }

  /** The thread ended: as expected after a close; otherwise no waiting call can be answered. */
  private lose(cause: unknown): void {
    this.ended ??= new GleanerError(
      "STORE",
      `the thread of the database ${this.what} is gone: start gleanerd again`,
      { cause },
    );
    for (const { reject } of [...this.inFlight, ...this.waiting]) reject(this.ended);
    this.inFlight = [];
    this.waiting = [];
  }
}

function errorOf({ code, message, detail }: Failure): GleanerError {
  return new GleanerError(code, message, { cause: detail });
}
