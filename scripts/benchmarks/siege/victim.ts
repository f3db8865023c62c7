// The innocent user: requests the queue continuously, through the API and with glean, and runs
// functions.

import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../../../src/model/errors.js";
import type { Site } from "../../site/site.js";
import { preciseMs, rounded, say } from "../lib/harness.js";
import { ask, submission, type Target } from "./requests.js";

const betweenMs = 250;
const betweenCommandsMs = 3_000;
/** Slower requests are reported individually. */
const slowMs = 1_000;

export class Victim {
  readonly listsMs: number[] = [];
  readonly commandsMs: number[] = [];
  readonly accepted: number[] = [];
  /** Messages of requests that failed while gleanerd ran. */
  readonly failures: string[] = [];
  /** While gleanerd is deliberately restarted, nothing is requested. */
  isPaused = false;
  private isOver = false;
  private readonly sinceMs = preciseMs();
  private loops: Promise<void>[] = [];

  constructor(
    private readonly site: Site,
    private readonly user: string,
    private readonly target: Target,
  ) {}

  start(): void {
    this.loops = [this.repeat(betweenMs, () => this.list())];
    this.loops.push(this.repeat(betweenCommandsMs, () => this.command()));
    this.loops.push(this.repeat(1_000, () => this.submit(["/bin/true"])));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
  }

  private async repeat(everyMs: number, act: () => Promise<void>): Promise<void> {
    while (!this.isOver) {
      if (!this.isPaused) await act();
      await pause(everyMs);
    }
  }

  private async list(): Promise<void> {
    const startedMs = preciseMs();
    const answer = await ask(this.target, "GET", "/v1/invocations?states=PENDING,RUNNING");
    if (this.isPaused) return;
    const tookMs = preciseMs() - startedMs;
    if (answer?.status === 200) this.listsMs.push(tookMs);
    if (tookMs > slowMs)
      say(
        `a list took ${rounded(tookMs, 0)} ms, ${rounded(preciseMs() - this.sinceMs, 0)} ms after the start`,
      );
    if (answer?.status === 200) return;
    this.failures.push(`a list: ${answer?.status} ${answer?.body}`);
  }

  private async command(): Promise<void> {
    const startedMs = preciseMs();
    try {
      await this.site.gleanOrThrow(["queue", "--me"], { user: this.user });
      if (!this.isPaused) this.commandsMs.push(preciseMs() - startedMs);
    } catch (thrown) {
      if (!this.isPaused) this.failures.push(`glean queue: ${messageOf(thrown)}`);
    }
  }

  async submit(argv: readonly string[]): Promise<void> {
    const body = submission("victim", { command: { kind: "argv", argv } });
    const answer = await ask(this.target, "POST", "/v1/invocations", body);
    if (answer?.status === 200) this.accepted.push((JSON.parse(answer.body) as { id: number }).id);
    else if (!this.isPaused) this.failures.push(`a submission: ${answer?.status} ${answer?.body}`);
  }
}
