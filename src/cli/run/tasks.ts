// The tasks of a run: which of them run, how they ended, and what follows from that.

import { constants } from "node:os";
import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../clock.js";
import { runsOf } from "../../model/array-tasks.js";
import type { TaskEnd } from "../../sdk/run/session.js";
import { sentenceOf, statusOf } from "./ends.js";
import type { RunSettings } from "./options.js";

/** From SIGTERM to SIGKILL. */
const killMs = 5_000;
/** The time from a notice to the end, unless another was asked for. */
const usualLeadMs = 60_000;
/** A notice is due at its lead, more or less. */
const slackMs = 2_000;

export class Tasks {
  /** The highest exit status so far. */
  highest = 0;
  wasNoticed = false;
  private node = "the node";
  private startedMs = 0;
  private readonly running = new Set<number>();
  private readonly timers = new Set<Timer>();

  constructor(
    private readonly count: number,
    private readonly settings: RunSettings,
    private readonly say: (sentence: string) => void,
    private readonly signal: (number: number) => void,
  ) {}

  begin(): void {
    this.close();
    this.highest = 0;
    this.wasNoticed = false;
    this.startedMs = monotonicMs();
    for (let task = 0; task < this.count; task++) this.running.add(task);
  }

  started(node: string): void {
    this.node = node;
  }

  exited(task: number, end: TaskEnd): void {
    const { quiet, pty, killOnBadExit, waitMs } = this.settings;
    this.running.delete(task);
    this.highest = Math.max(this.highest, statusOf(end));
    const sentence = sentenceOf(task, this.node, end);
    if (sentence !== null && !quiet && !pty) this.say(sentence);
    if (this.running.size === 0) return;
    if (killOnBadExit && statusOf(end) > 0) this.endRest(0);
    else if (waitMs !== null) this.endRest(waitMs);
  }

  /**
   * The signal came in time: the eviction or the time limit is at most its lead away. `recordedMs`:
   * the time limit as it is now; null if gleanerd does not say.
   */
  noticed(id: string, recordedMs: number | null, nowMs: number): void {
    const { notice, timeLimitMs: askedMs } = this.settings.needs;
    const timeLimitMs = recordedMs ?? askedMs;
    const leadMs = notice?.leadMs ?? usualLeadMs;
    const leftMs = timeLimitMs === null ? null : timeLimitMs - (nowMs - this.startedMs);
    const isLimit = leftMs !== null && leftMs <= leadMs + slackMs;
    const seconds = Math.ceil((isLimit ? Math.max(0, leftMs) : leadMs) / 1_000);
    const what = isLimit ? `job ${id} reaches its time limit` : `the hole on ${this.node} closes`;
    if (!this.settings.quiet) this.say(`${what} within ${seconds} s: save your work`);
  }

  /** `n1: tasks 0-2,5 running`. */
  get shown(): string {
    const numbers = [...this.running].toSorted((one, other) => one - other);
    const text = runsOf(numbers)
      .map(({ task, count, step }) => {
        const range = step === 1 ? "" : `:${step}`;
        return count === 1 ? `${task}` : `${task}-${task + (count - 1) * step}${range}`;
      })
      .join(",");
    return `${this.node}: ${this.running.size === 1 ? "task" : "tasks"} ${text} running`;
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.running.clear();
  }

  private endRest(inMs: number): void {
    if (this.timers.size > 0) return;
    this.after(inMs, constants.signals.SIGTERM);
    this.after(inMs + killMs, constants.signals.SIGKILL);
  }

  private after(ms: number, signal: number): void {
    this.timers.add(setTimeout(() => this.signal(signal), ms));
  }
}
