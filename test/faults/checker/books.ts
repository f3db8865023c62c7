// The independent checker: keeps its own books of what really happened, and checks the promises of
// the design against them.

import type {
  AttemptResult,
  CallRecord,
  Drain,
  IdRange,
  NewInvocations,
  Submitted,
} from "../../../src/core/ports/store.js";
import type { ChangedTerms } from "../../../src/core/ports/submissions.js";
import { taskCountOf } from "../../../src/core/submission/new-tasks.js";
import { type InvocationId, invocationId } from "../../../src/model/ids.js";
import type { Attempt, AttemptEnd, InvocationState } from "../../../src/model/invocation.js";
import type { AttemptKey, AttemptReport } from "../../../src/wire/messages.js";
import type { Disk } from "../site/disk.js";
import type { SimulatedNode } from "../site/node.js";
import type { World } from "../site/world.js";
import type { Process } from "../timeline.js";
import type { Account, Ending, Run } from "./accounts.js";
import { BillBook } from "./bills.js";
import { CallBook } from "./calls.js";
import { Causes } from "./causes.js";
import { UnrecordedBook } from "./unrecorded.js";

/** The site's limits, written down once more. */
const lostInARow = 10;
const leastPauseMs = 250;
const segmentationFault = 11;
/** Where it cannot be started it is tried on another node, or so often. */
const triesOnOneNode = 3;

export class Books {
  readonly counts = {
    ...{ attempts: 0, evicted: 0, lost: 0, ended: 0, refused: 0, jobsBeside: 0 },
    /** Bundles that reached a node; calls that reached a handler, of these warm and shared. */
    ...{ fetched: 0, calls: 0, warm: 0, shared: 0 },
    /** Workers that served a lease, and those that crashed or were evicted then and were billed. */
    ...{ leased: 0, crashed: 0, evictedBilled: 0 },
    /** Calls that run again, and pay, because an ended call ended their worker. */
    ...{ interrupted: 0 },
    ...{ deployed: 0, read: 0 },
    /** Workers that were started ahead, and for min-warm. */
    ...{ ahead: 0, warmedUp: 0 },
  };
  private readonly accounts = new Map<InvocationId, Account>();
  private readonly runs = new Map<string, Run>();
  private readonly ordersSeen = new Set<string>();
  private readonly requests = new Map<string, readonly InvocationId[]>();
  private readonly askedAtMs = new Map<Process, number>();

  readonly causes: Causes;
  readonly calls: CallBook;
  private readonly bills = new BillBook((holds, sentence) => this.demand(holds, sentence));
  readonly unrecorded: UnrecordedBook;

  /** How long gleanerd's machine was up when the simulation began. */
  controllerBootedMs = 0;

  constructor(private readonly world: World) {
    this.causes = new Causes(() => world.nowMs);
    this.calls = new CallBook(world);
    this.unrecorded = new UnrecordedBook(() => world.nowMs);
  }

  private demand(holds: boolean, sentence: string): void {
    if (!holds) this.world.complain(sentence);
  }

  // No harm.

  /** What runs on a node beside what Slurm gave away there, whenever either grows. */
  checkNode(node: SimulatedNode, why: string, isJob = false): void {
    let cores = 0;
    let memoryMb = 0;
    const owners = new Set<string>();
    for (const each of node.functions) {
      if (!each.isAlive) continue;
      const dying = isJob ? each.dying : null;
      cores += each.cores + (dying?.cores ?? 0);
      memoryMb += each.memoryMb + (dying?.memoryMb ?? 0);
      owners.add(each.executor);
    }
    let jobCores = 0;
    let jobMemoryMb = 0;
    for (const share of node.jobs.values()) {
      jobCores += share.cores;
      jobMemoryMb += share.memoryMb;
    }
    if (cores > 0 && jobCores > 0) this.counts.jobsBeside++;
    const at = `${node.name}, when ${why}`;
    this.demand(
      cores + jobCores <= node.cores,
      `harm: functions have ${cores} cores and jobs ${jobCores} of the ${node.cores} of ${at}`,
    );
    this.demand(
      memoryMb + jobMemoryMb <= node.memoryMb,
      `harm: functions have ${memoryMb} MB and jobs ${jobMemoryMb} of the ${node.memoryMb} of ${at}`,
    );
    this.demand(owners.size <= 1, `${[...owners].join(" and ")} both run functions on ${at}`);
  }

  asked(process: Process): void {
    const beforeMs = this.askedAtMs.get(process);
    const nowMs = this.world.nowMs;
    this.askedAtMs.set(process, nowMs);
    if (beforeMs !== undefined)
      this.demand(
        nowMs - beforeMs >= leastPauseMs - 1,
        `slurmctld was read twice within ${nowMs - beforeMs} ms`,
      );
  }

  // What functions really did.

  /** An executor was told to run it, and did what it takes. */
  ordered(key: AttemptKey): void {
    const name = nameOf(key);
    this.demand(!this.ordersSeen.has(name), `attempt ${name} is run twice`);
    this.ordersSeen.add(name);
    const account = this.accounts.get(key.invocation);
    const isDurable = account !== undefined && account.attempt >= key.attempt;
    this.demand(
      isDurable || this.unrecorded.has(key),
      `attempt ${name} is run before its intent was durable`,
    );
  }

  /** From now on it has cores and memory, and its time counts. */
  holds(key: AttemptKey, cores: number, memoryMb: number): void {
    this.runs.set(nameOf(key), { cores, memoryMb, ending: null });
  }

  ended(key: AttemptKey, ending: Ending): void {
    this.runs.get(nameOf(key))!.ending = ending;
  }

  /** The executor is told that a result is durable. */
  forgets(key: AttemptKey): void {
    const account = this.accounts.get(key.invocation);
    const isDurable =
      account !== undefined &&
      (account.attempt > key.attempt ||
        (account.attempt === key.attempt && account.state !== "running"));
    const hasRecord = (of: { requestId: string } | { invocation: InvocationId }) =>
      "requestId" in of ? this.requests.has(of.requestId) : this.accounts.has(of.invocation);
    this.demand(
      isDurable || this.unrecorded.mayBeForgotten(key, hasRecord),
      `the result of attempt ${nameOf(key)} is forgotten before it is durable`,
    );
  }

  /**
   * An executor sends the end of an attempt; for an attempt that has already ended, this must
   * change nothing.
   */
  reported(report: AttemptReport, isVouched: boolean): void {
    this.unrecorded.reported(report, isVouched);
    const account = this.accounts.get(report.invocation);
    const isRunning = account?.state === "running" && account.attempt === report.attempt;
    if (report.startFailure !== undefined) account?.unstarted.add(report.attempt);
    if (!isRunning && !this.unrecorded.has(report)) this.counts.refused++;
  }

  /** The newest attempt that was committed. */
  attemptOf(invocation: InvocationId): number {
    return this.accounts.get(invocation)?.attempt ?? 0;
  }

  // What was committed.

  committed(name: string, args: readonly unknown[], value: unknown): void {
    if (name === "submit") this.submitted(args[0] as NewInvocations, value as Submitted);
    else if (name === "beginAttempt") this.begun(args[0] as Attempt);
    else if (name === "beginTasks")
      for (const invocation of args[1] as readonly InvocationId[])
        this.begun({ ...(args[0] as Attempt), invocation });
    else if (name === "recordCall") {
      if (value === true) this.callRecorded(args[0] as CallRecord);
    } else if (name === "endAttempt") {
      if (value === true) this.recorded(args[0] as AttemptResult);
    } else if (name === "endPending") {
      const ids = (args[0] as readonly IdRange[]).flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, at) => invocationId(first + at)),
      );
      this.demand(value === ids.length, `of ${ids.length} that wait ${value} were ended`);
      for (const id of ids) {
        const account = this.accounts.get(id)!;
        this.demand(account.state === "waiting", `${id} was ended while ${account.state}`);
        account.state = args[1] as InvocationState;
        this.calls.withdrawn(id, account.state);
        if (account.state === "CANCELLED") this.checkCause(id, `waiting ${id}`, "CANCELLED", null);
      }
    } else if (name === "saveTerms") {
      this.changed(args[0] as InvocationId, args[1] as ChangedTerms);
    } else if (name === "setDrained") {
      const drain = args[1] as Drain | null;
      this.demand(drain?.by.startsWith("gleanerd") !== true, `an honest node is ${drain?.by}`);
    }
  }

  openCommands(state: "waiting" | "running"): Account[] {
    const open = [...this.accounts].filter(([, account]) => account.state === state);
    return open.filter(([id]) => !this.calls.isCall(id)).map(([, account]) => account);
  }

  /** What runs may go by any of its time limits, as it hears of a change at some time. */
  private changed(submission: InvocationId, { timeLimitMs }: ChangedTerms): void {
    for (const account of this.accounts.values())
      if (account.array === submission && timeLimitMs !== undefined)
        account.timeLimitMs = Math.min(account.timeLimitMs, timeLimitMs);
  }

  /** Nothing ends without a cause; `ranMs`: what its command took, null when it never ran. */
  private checkCause(
    invocation: InvocationId,
    name: string,
    end: AttemptEnd,
    ranMs: number | null,
  ): void {
    const { array, begun, timeLimitMs, hotMs } = this.accounts.get(invocation)!;
    // Its client, or the lack of one, ends a lease at any time.
    if (hotMs !== null && end === "CANCELLED") return;
    const at = begun ?? { node: "", executor: "", begunAtMs: 0 };
    const missing = this.causes.missingFor(end, {
      ids: [invocation, array],
      ...{ name, timeLimitMs, ranMs, isCall: this.calls.isCall(invocation) },
      ...at,
    });
    this.demand(missing === null, `${name} is recorded as ${end} ${missing}`);
  }

  /** `askedAs`: the id under which its client requested it. */
  private submitted(
    request: NewInvocations,
    { id: first, tasks }: Omit<Submitted, "isNew">,
    askedAs = request.requestId,
  ): void {
    const ids = Array.from({ length: tasks }, (_, at) => invocationId(first + at));
    const before = this.requests.get(request.requestId);
    this.demand(
      before === undefined || before.join() === ids.join(),
      `${request.requestId} became invocations twice`,
    );
    this.requests.set(request.requestId, ids);
    if (before !== undefined) return;
    this.calls.submitted({ ...request, requestId: askedAs }, ids);
    const { cores, memoryMb, timeLimitMs, command } = request.submission;
    const hotMs = command.kind === "call" ? (command.lease?.hotMs ?? null) : null;
    const { user } = request.owner;
    const array = ids[0]!;
    for (const id of ids) {
      this.demand(!this.accounts.has(id), `invocation ${id} is there twice`);
      const account = {
        array,
        cores,
        memoryMb,
        user,
        timeLimitMs,
        hotMs,
        attempt: 0,
        ends: [],
        nodes: [],
        unstarted: new Set<number>(),
      };
      this.accounts.set(id, { ...account, state: "waiting", begun: null });
    }
  }

  /** All of a call at once; without its input, if an earlier gleanerd accepted it. */
  private callRecorded({ id, request, attempts }: CallRecord): void {
    const tasks = taskCountOf(request.submission);
    this.submitted(request, { id, tasks }, this.askedAs(id, request.requestId));
    const isVouched = request.inputs?.length === 0;
    const keys = attempts.map(({ attempt: { invocation, number } }) => ({
      invocation,
      attempt: isVouched ? this.unrecorded.shownOf(id) : number,
    }));
    attempts.forEach(({ attempt, result }, at) => {
      // One that was lost before its order was sent was begun before the next one was ordered.
      const orderedAtMs = keys
        .slice(at)
        .filter(({ invocation }) => invocation === attempt.invocation)
        .map((key) => this.unrecorded.orderedAtMs(key))
        .find((atMs) => atMs !== undefined);
      this.begun(attempt, orderedAtMs);
      if (result !== null) this.recorded(result, keys[at]!.attempt);
    });
  }

  /**
   * A worker of a lease that an earlier gleanerd granted is on record under a name of its own: its
   * client may have requested another lease since, and this one was held, too.
   */
  private askedAs(invocation: InvocationId, requestId: string): string {
    return this.unrecorded.requestOfOwn(invocation) ?? requestId;
  }

  /** A user was told that it is accepted. */
  acknowledged(requestId: string, id: number, tasks: number): void {
    const ids = this.requests.get(requestId);
    this.demand(
      ids !== undefined && ids[0] === id && ids.length === tasks,
      `${requestId} was acknowledged before it was durable`,
    );
  }

  private begun(
    { invocation, number, node, executor, startedMonotonicMs }: Attempt,
    // Its record may have waited for the disk for long.
    begunAtMs = startedMonotonicMs - this.controllerBootedMs,
  ): void {
    const account = this.accounts.get(invocation)!;
    this.demand(
      account.state === "waiting" && number === account.attempt + 1,
      `attempt ${number} of ${invocation} begins after ${account.attempt}, ${account.state}`,
    );
    account.state = "running";
    account.attempt = number;
    account.nodes.push(node);
    account.begun = { node, executor, begunAtMs };
    this.counts.attempts++;
  }

  private recorded(result: AttemptResult, ran = result.attempt): void {
    const { invocation, attempt, end, next, wallMs } = result;
    const name = nameOf({ invocation, attempt: ran });
    const account = this.accounts.get(invocation)!;
    this.demand(
      account.state === "running" && account.attempt === attempt,
      `the end of ${name} is recorded while ${account.state}, attempt ${account.attempt}`,
    );
    account.ends.push(end);
    account.state = next === "PENDING" ? "waiting" : next;
    if (end === "EVICTED") this.counts.evicted++;
    if (end === "LOST") this.counts.lost++;
    const isBilled = this.bills.recorded(name, account, result);
    if (isBilled) this.counts.ended++;
    if (isBilled && end === "EVICTED") this.counts.evictedBilled++;
    if (account.hotMs !== null && end === "FAILED" && next === "PENDING" && wallMs > 0)
      this.counts.crashed++;
    if (account.hotMs === null && end === "FAILED" && next === "PENDING" && wallMs > 0)
      this.counts.interrupted++;
    this.checkResult(name, result);
    this.calls.recorded({ ...result, attempt: ran });
  }

  /** Against what the node's processes did. */
  private checkResult(
    name: string,
    { end, next, wallMs, shareMs, cpuMs, exitCode, signal, invocation }: AttemptResult,
  ): void {
    const run = this.runs.get(name);
    const truth = run?.ending;
    const account = this.accounts.get(invocation)!;
    this.checkCause(invocation, name, end, run === undefined ? null : (truth?.wallMs ?? wallMs));
    if (end === "LOST") {
      const row = account.ends.slice(-lostInARow);
      const isGivenUp = row.length === lostInARow && row.every((each) => each === "LOST");
      this.demand(next !== "FAILED" || isGivenUp, `${name} failed for being lost ${row.join(" ")}`);
      return;
    }
    this.demand(end !== "EVICTED" || next !== "FAILED", `${name} failed because it was evicted`);
    if (end === "FAILED" && next === "FAILED" && run === undefined)
      this.checkGivenUp(name, invocation, account);
    if (wallMs === 0 && end !== "COMPLETED" && (run === undefined || truth?.wallMs === 0)) return;
    if (truth === undefined || truth === null) {
      this.demand(false, `${name} is recorded as ${end} and has not ended`);
      return;
    }
    const { cores, memoryMb } = run!;
    this.demand(
      truth.wallMs === wallMs && cores === account.cores && memoryMb === account.memoryMb,
      `${name} is recorded with ${wallMs} ms and took ${truth.wallMs} ms`,
    );
    const part = truth.shareMs ?? wallMs;
    this.demand(
      Math.abs((shareMs ?? wallMs) - part) <= 1,
      `${name} pays for ${shareMs ?? wallMs} ms, and its part of its worker was ${part} ms`,
    );
    this.demand(
      cpuMs === Math.min(truth.cpuMs ?? 0, cores * wallMs),
      `${name} is recorded with ${cpuMs} ms of processor time and used ${truth.cpuMs} ms`,
    );
    const isTrue =
      (end === "COMPLETED" && truth.exitCode === 0 && truth.signal === 0 && truth.oomKills === 0) ||
      (end === "FAILED" && truth.exitCode !== 0 && exitCode === truth.exitCode) ||
      // Our own signal would be 9.
      (end === "FAILED" && truth.signal === segmentationFault && signal === truth.signal) ||
      (end === "FAILED" && exitCode === null && this.causes.isInterrupted(name)) ||
      (end === "OUT_OF_MEMORY" && truth.oomKills > 0) ||
      end === "TIMEOUT" ||
      end === "CANCELLED" ||
      end === "EVICTED";
    this.demand(isTrue, `${name} is recorded as ${end} and ended ${JSON.stringify(truth)}`);
  }

  /** Its command never began: that is no node's doing when it was tried on two, or often. */
  private checkGivenUp(
    name: string,
    invocation: InvocationId,
    { unstarted, ends, nodes, cores, memoryMb }: Account,
  ): void {
    const hasTried = (at: number) => ends[at] === "FAILED" || unstarted.has(at + 1);
    const tried = nodes.filter((_, at) => hasTried(at));
    const others = this.world.nodes.filter(
      (node) => !tried.includes(node.name) && node.cores >= cores && node.memoryMb >= memoryMb,
    );
    const isFair = others.length === 0 || new Set(tried).size > 1 || tried.length >= triesOnOneNode;
    if (new Set(tried).size > 1) this.calls.givenUp(invocation);
    this.demand(isFair, `${name} failed since it could not be started on ${tried.join(" and ")}`);
  }

  /** Whether everything that was accepted has come to its end. */
  get isQuiet(): boolean {
    for (const { state } of this.accounts.values())
      if (state === "waiting" || state === "running") return false;
    return true;
  }

  /** When all is quiet: what the disk says is what was seen, to the millisecond. */
  close(disk: Disk): void {
    for (const [id, { state }] of this.accounts)
      this.demand(state !== "waiting" && state !== "running", `invocation ${id} is lost: ${state}`);
    const rows = disk.reads.listInvocations({ limit: 1_000_000 });
    this.demand(rows.length === this.accounts.size, `${rows.length} rows of ${this.accounts.size}`);
    for (const row of rows) {
      const account = this.accounts.get(row.id);
      this.demand(
        account?.state === row.state && account.attempt === row.attempt,
        `the record of ${row.id} says ${row.state}, seen was ${account?.state}`,
      );
      const attempts = disk.reads.listAttempts(row.id);
      const ends = attempts.map(({ state }) => state).join();
      this.demand(ends === account?.ends.join(), `the attempts of ${row.id} are ${ends}`);
    }
    this.bills.close(disk);
    this.demand(disk.reads.loadRunningAttempts().length === 0, "an attempt is still RUNNING");
  }
}

const nameOf = ({ invocation, attempt }: AttemptKey): string => `${invocation}.${attempt}`;
