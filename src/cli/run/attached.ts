// One run: submits the command, waits for its node, carries its streams and signals, and knows how
// it ended.

import { constants } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../../clock.js";
import { assert, GleanerError } from "../../model/errors.js";
import { type Invocation, isFinal } from "../../model/invocation.js";
import type { GleanerClient, SubmitRequest } from "../../sdk/index.js";
import type { Arrival } from "../../sdk/run/handshake.js";
import { type RunClient, RunListener } from "../../sdk/run/listener.js";
import { RunSession, type RunStart } from "../../sdk/run/session.js";
import { evictedStatus, type Verdict, verdictOf } from "./ends.js";
import { Input } from "./input.js";
import type { RunSettings } from "./options.js";
import type { KnownNames } from "./output-files.js";
import { Printer } from "./printer.js";
import { Tasks } from "./tasks.js";
import type { Terminal } from "./terminal.js";
import { untilEnded, WaitForPlace } from "./watch.js";

/** A record that explains the end usually comes at once. */
const recordMs = 2_000;
/** Between two looks at where an evicted run is. */
const lookMs = 250;
const signalBase = 128;

export interface RunPlan {
  readonly request: (client: RunClient) => SubmitRequest;
  readonly name: string;
  readonly tasks: number;
  readonly settings: RunSettings;
  readonly ports: readonly [number, number] | null;
  /** The only address that the node is told; if omitted, all of this machine. */
  readonly host: string | undefined;
}

export class AttachedRun {
  id = "";
  private session: RunSession | null = null;
  /** The newest attempt that was accepted. */
  private attempt = 0;
  /** Nothing that comes now counts. */
  private isOver = false;
  private readonly abort = new AbortController();
  private readonly waiting: WaitForPlace;
  private readonly tasks: Tasks;
  private readonly printer: Printer;
  private readonly input: Input;
  private readonly done: Promise<Verdict>;
  private finish: (verdict: Verdict) => void = () => undefined;
  private fail: (problem: unknown) => void = () => undefined;
  /** The ended invocation, as soon as gleanerd has it. */
  private record: Invocation | null = null;
  private following: Promise<void> | null = null;

  constructor(
    private readonly client: GleanerClient,
    private readonly plan: RunPlan,
    private readonly terminal: Terminal,
    private readonly say: (sentence: string) => void,
  ) {
    const { settings } = plan;
    this.done = new Promise((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
    });
    this.waiting = new WaitForPlace(client, settings, say, (sentence) => this.end(1, sentence));
    this.tasks = new Tasks(plan.tasks, settings, say, (number) => this.session?.signal(number));
    const resume = () => this.session?.resume();
    // As a program that writes into a closed pipe; `run` says what is wrong with a file.
    const closedPipe = signalBase + constants.signals.SIGPIPE;
    const broken = () => this.end(this.printer.problem === null ? closedPipe : 1, null);
    const isAppended = settings.needs.openMode === "append";
    const { name, tasks } = plan;
    this.printer = new Printer({ ...settings, name, tasks, isAppended }, resume, broken);
    this.input = new Input(settings.input, (problem) => {
      this.end(1, null);
      this.fail(problem);
    });
  }

  async run(): Promise<number> {
    const { ports, host, request } = this.plan;
    const listener = await RunListener.open({ ports, host }, (arrival) => this.arrived(arrival));
    try {
      const { id, key } = await this.client.submit(request(listener.client));
      assert(key !== undefined, "gleanerd answers with the key of an attached command");
      this.id = String(id);
      // Ctrl-C came meanwhile.
      if (this.isOver) await this.cancel();
      this.know({ id });
      listener.expect(this.id, Buffer.from(key, "hex"));
      this.waiting.begin(this.id);
      this.following = this.follow();
      const { status, sentence } = await this.done;
      await this.printer.finish();
      this.terminal.leave();
      const { problem } = this.printer;
      if (sentence !== null) this.say(sentence);
      if (problem !== null) this.say(problem);
      return problem === null ? status : Math.max(1, status);
    } finally {
      this.isOver = true;
      this.abort.abort();
      this.waiting.end();
      this.tasks.close();
      this.terminal.leave();
      this.input.close();
      this.session?.hangUp();
      listener.close();
    }
  }

  /** Which tasks run, for people; null while it waits. */
  get state(): string | null {
    return this.session === null ? null : `job ${this.id} on ${this.tasks.shown}`;
  }

  /** Whether a reader that does not read holds the program up. */
  get isBlocked(): boolean {
    return this.printer.isBlocked;
  }

  signal(number: number): void {
    if (this.session === null) this.end(signalBase + number, null);
    else this.session.signal(number);
  }

  resize(): void {
    const { rows, columns } = this.terminal.size;
    this.session?.resize(rows, columns);
  }

  /** Ends it at once and cancels the invocation. */
  end(status: number, sentence: string | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.session?.hangUp();
    void this.cancel().then(() => this.finish({ status, sentence }));
  }

  /** Output files may have these in their names. */
  private know(more: KnownNames): void {
    try {
      this.printer.know(more);
    } catch (thrown) {
      if (!(thrown instanceof GleanerError)) throw thrown;
      this.end(1, thrown.message);
    }
  }

  private async cancel(): Promise<void> {
    if (this.id === "") return;
    try {
      await this.client.cancel({ ids: [this.id] });
    } catch (thrown) {
      if (!(thrown instanceof GleanerError)) throw thrown;
      // The node ends it without gleanerd, because nobody is connected.
    }
  }

  private async follow(): Promise<void> {
    try {
      const isNeeded = () => this.session === null;
      this.record = await untilEnded(this.client, this.id, isNeeded, this.abort.signal);
      // While a session is there, its end says more.
      if (this.record !== null && this.session === null && !this.isOver)
        await this.conclude(this.record);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** The record says how it ended, and its attempts whether it was evicted. */
  private async conclude(record: Invocation): Promise<void> {
    const verdict = verdictOf(record, this.id, this.tasks.highest);
    const mayBeEvicted = record.state === "CANCELLED" || record.state === "FAILED";
    if (!mayBeEvicted || this.attempt === 0) return this.finish(verdict);
    const { attempts } = await this.client.detail(this.id);
    const last = attempts.find(({ number }) => number === this.attempt);
    if (last?.state !== "EVICTED" && last?.state !== "LOST") return this.finish(verdict);
    const sentence = `job ${this.id} was evicted from ${last.node} after it had printed or read something: run it again, or with --requeue`;
    this.finish({ status: evictedStatus, sentence });
  }

  private get mayStartAgain(): boolean {
    const isUntouched = this.printer.printedBytes === 0 && this.input.sentBytes === 0;
    return this.attempt === 0 || isUntouched || this.plan.settings.requeue;
  }

  private arrived(arrival: Arrival): void {
    const isNew = !this.isOver && arrival.attempt > this.attempt;
    // A node that is cut off may hold an older connection open.
    if (isNew && this.session !== null) {
      this.session.hangUp();
      this.lost();
    }
    if (isNew && this.mayStartAgain) this.begin(arrival);
    else arrival.socket.destroy();
  }

  private begin(arrival: Arrival): void {
    const { settings } = this.plan;
    const { attempt } = arrival;
    this.attempt = attempt;
    const wasTold = this.waiting.hasSpoken;
    this.waiting.end();
    this.tasks.begin();
    if (settings.pty) this.terminal.enter();
    const start: RunStart = {
      pty: settings.pty ? this.terminal.describe() : null,
      unbuffered: settings.unbuffered,
      input: typeof settings.input === "object" ? "all" : settings.input,
    };
    this.session = new RunSession(arrival, start, {
      onStarted: (task, node) => {
        this.tasks.started(node);
        this.know({ node });
        if (task === 0 && wasTold) this.say(`job ${this.id} runs on ${node}`);
      },
      onFailed: (_task, program, problem) => this.say(`cannot run ${program}: ${problem}`),
      onOutput: (task, stream, bytes) => this.printer.print(task, stream, bytes),
      onExited: (task, end) => {
        this.printer.ended(task);
        this.tasks.exited(task, end);
      },
      onNotice: () => {
        this.tasks.wasNoticed = true;
        void this.noticed();
      },
      onInputRoom: () => this.input.move(),
      onClosed: (isComplete) => {
        if (this.session?.attempt !== attempt || this.isOver) return;
        if (isComplete) void this.completed().catch(this.fail);
        else this.lost();
      },
    });
    this.input.begin(this.session);
  }

  /** The time limit may be another one than it was submitted with. */
  private async noticed(): Promise<void> {
    const cameAtMs = monotonicMs();
    const asked = this.client.detail(this.id).catch((thrown) => {
      if (!(thrown instanceof GleanerError)) this.fail(thrown);
      return null;
    });
    // The notice may leave no time to wait for longer.
    const detail = await Promise.race([asked, pause(recordMs, null)]);
    if (!this.isOver) this.tasks.noticed(this.id, detail?.invocation.timeLimitMs ?? null, cameAtMs);
  }

  /** All tasks ended, and everything that they printed is here. */
  private async completed(): Promise<void> {
    const { highest } = this.tasks;
    this.isOver = true;
    // After its notice it would be tried again, and a signal may have been a limit's.
    if (this.tasks.wasNoticed) await this.cancel();
    if (highest > signalBase)
      await Promise.race([
        this.following,
        pause(recordMs, undefined, { signal: this.abort.signal }),
      ]);
    const { record } = this;
    const isExplained = record?.state === "TIMEOUT" || record?.state === "OUT_OF_MEMORY";
    const sentence = isExplained ? verdictOf(record, this.id, highest).sentence : null;
    this.finish({ status: highest, sentence });
  }

  /** The connection broke: an eviction, a killed node, or a network that is cut. */
  private lost(): void {
    this.session = null;
    this.input.pause();
    this.terminal.leave();
    const next =
      this.record !== null
        ? this.conclude(this.record)
        : this.mayStartAgain
          ? this.startAgain(this.attempt)
          : this.cancel();
    next.catch(this.fail);
  }

  /** Says so once gleanerd knows that it waits again; `follow` learns of an end. */
  private async startAgain(attempt: number): Promise<void> {
    while (!this.isOver) {
      const { invocation } = await this.client.detail(this.id);
      if (isFinal(invocation.state)) return;
      if (invocation.state === "PENDING" || invocation.attempt > attempt) {
        const { settings } = this.plan;
        const why = invocation.reason === null ? "" : ` (${invocation.reason})`;
        if (!settings.quiet) this.say(`job ${this.id} was evicted${why}: it starts again`);
        if (this.session === null) this.waiting.begin(this.id);
        return;
      }
      await pause(lookMs);
    }
  }
}
