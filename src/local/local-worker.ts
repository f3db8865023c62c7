// One call in a worker on this machine, as an executor runs it in a hole: the same program, limits
// and ends.

import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../clock.js";
import type { CallAnswer } from "../model/call.js";
import {
  answerOf,
  answerOfExit,
  beforeReady,
  loaded as loadedAnswer,
  notLoaded,
  type Progress,
} from "../workers/answers.js";
import { loadOrderOf } from "../workers/load-order.js";
import { signalText } from "../workers/signal-text.js";
import { WorkerChannel } from "../workers/worker-channel.js";
import type { WorkerFailure } from "../workers/worker-failure.js";
import type { LoadEnd } from "../workers/worker-link.js";
import type { LocalCall, LocalEnd, LocalEvents } from "./call.js";
import type { MemoryLimit } from "./memory-limit.js";
import type { ProcessEnd, WorkerProcess } from "./worker-process.js";

/** As functions.killWaitMs is by default. */
const killWaitMs = 2_000;

export class LocalWorker {
  private readonly channel: WorkerChannel;
  private hasRuntime = false;
  private broken: WorkerFailure | null = null;
  private hasLoaded = false;
  /** Why it was ended from outside. */
  private ending: string | null = null;
  private timer: Timer | undefined;
  private readonly startedMs = monotonicMs();
  private readonly phases: Record<string, number> = {};

  constructor(
    private readonly call: Pick<LocalCall, "settings" | "input" | "inspect" | "isCheck">,
    private readonly directory: string,
    private readonly process: WorkerProcess,
    private readonly memory: MemoryLimit | null,
    private readonly events: LocalEvents,
  ) {
    this.channel = new WorkerChannel(process.socket, {
      onLog: ({ bytes }) => events.onOutput(bytes),
      onClosed: (failure) => {
        this.broken ??= failure;
        process.kill();
      },
    });
  }

  /** Resolves once no process is left. */
  async run(): Promise<LocalEnd> {
    const interrupt = () => this.end("it was interrupted");
    this.events.signal.addEventListener("abort", interrupt);
    if (this.events.signal.aborted) interrupt();
    const answer = await this.converse();
    clearTimeout(this.timer);
    this.events.signal.removeEventListener("abort", interrupt);
    this.process.kill();
    const end = await this.process.ended;
    const { phases } = this;
    if (this.ending !== null) return { answer: null, reason: this.ending, phases };
    // As in a hole, whatever the handler made of the death of a process.
    if (this.memory?.wasReached() === true)
      return { answer: null, reason: this.overMemory, phases };
    return answer === null ? { ...this.endOf(end), phases } : { answer, reason: null, phases };
  }

  /** null if the worker ends before it answers. */
  private async converse(): Promise<CallAnswer | null> {
    this.limitTime(() => this.end(this.overTime));
    this.hasRuntime = (await this.channel.ready()).kind === "ready";
    this.note("startMs", this.startedMs);
    const loadedFromMs = monotonicMs();
    const loaded = await this.load();
    this.note("loadMs", loadedFromMs);
    if (loaded.kind === "lost") return null;
    if (loaded.kind === "failed") return notLoaded(loaded.error);
    this.hasLoaded = true;
    if (this.call.isCheck) return loadedAnswer;
    const fromMs = monotonicMs();
    const { id, end } = this.channel.call({
      deadlineMs: this.call.inspect ? 0 : this.call.settings.timeLimitMs,
      attempt: 1,
      contentType: this.call.input.contentType,
      name: "local",
      input: this.call.input.body,
    });
    this.limitTime(() => this.cancel(id));
    const ended = await end;
    this.note("runMs", fromMs);
    return ended.kind === "lost" ? null : answerOf(ended);
  }

  private load(): Promise<LoadEnd> {
    return this.channel.load(loadOrderOf({ ...this.call.settings, image: null }, this.directory));
  }

  private note(phase: string, fromMs: number): void {
    this.phases[phase] = Math.round(monotonicMs() - fromMs);
  }

  /** Nobody is hurried who looks at the code in a debugger. */
  private limitTime(onOver: () => void): void {
    clearTimeout(this.timer);
    if (!this.call.inspect) this.timer = setTimeout(onOver, this.call.settings.timeLimitMs);
  }

  private get progress(): Progress {
    const { broken, hasRuntime, hasLoaded } = this;
    const { setup, python } = this.call.settings;
    return { broken, hasRuntime, hasLoaded, hasSetup: setup !== null, python, image: null };
  }

  private get overTime(): string {
    const unready = beforeReady(this.progress);
    const when = unready === null ? "" : ` ${unready}`;
    return `it reached its time limit of ${this.call.settings.timeLimitMs} ms${when}`;
  }

  private get overMemory(): string {
    return `it used more memory than its limit of ${this.call.settings.memoryMb} MB: test it with a larger --mem`;
  }

  /** A handler that heeds its signal may still tidy up. */
  private cancel(id: number): void {
    this.ending ??= this.overTime;
    this.channel.cancel(id);
    this.timer = setTimeout(() => this.process.kill(), killWaitMs);
  }

  private end(reason: string): void {
    this.ending ??= reason;
    this.process.kill();
  }

  private endOf(exit: ProcessEnd): Pick<LocalEnd, "answer" | "reason"> {
    const answer = answerOfExit(exit, this.progress);
    return {
      answer,
      reason: answer === null ? `it was killed by ${signalText(exit.signal)}` : null,
    };
  }
}
