// The books of calls: every input, answer and version is followed from its user to the worker and
// back.

import type { AttemptResult, NewInvocations } from "../../../src/core/ports/store.js";
import { type CallAnswer, isStored, type Payload } from "../../../src/model/call.js";
import type { InvocationId, VersionId } from "../../../src/model/ids.js";
import { isFinal } from "../../../src/model/invocation.js";
import type { AttemptKey } from "../../../src/wire/messages.js";
import { hashOf, type Loading, resultOf } from "../functions/bundles.js";
import { type Input, inputIn, plainInput } from "../functions/inputs.js";
import type { World } from "../site/world.js";
import { type Called, FunctionBook } from "./functions.js";

/** What a user asked for. */
export interface AskedCall extends Called {
  readonly inputs: readonly Uint8Array[];
  readonly isMap: boolean;
  readonly askedMs: number;
}

/** One call as it was accepted. */
interface Account {
  readonly input: Uint8Array;
  readonly asks: Input;
  readonly version: VersionId;
  readonly uid: number;
  readonly timeLimitMs: number;
  readonly isLease: boolean;
  /** It only loads the code, for min-warm. */
  readonly isWarmUp: boolean;
  /** What counts; undefined until it has ended. */
  answer: CallAnswer | null | undefined;
}

/** What a handler begins with. */
interface Found {
  readonly version: string;
  readonly uid: number;
  readonly payload: Uint8Array;
}

/** What gleanerd submits for min-warm. */
interface Warmed {
  readonly function: string;
  readonly version: string;
}

/** gleanerd read that long ago, at most, which functions are to stay warm. */
const listedMs = 60_000;

const isOver = ({ answer }: Account): boolean => answer !== undefined;
const callerOf = ({ uid, version }: Account): string => `${uid}/${version}`;
/** The next failure stops a function for its caller, and may be recorded a little later. */
const nearlyStopping = 2;

interface Answered {
  readonly kind: string;
  readonly text?: string;
}

/** What the handler of each may end with, so that it is the user's error and nobody else's. */
const ends: Readonly<Record<Input["does"], readonly (CallAnswer["kind"] | "none")[]>> = {
  return: ["result"],
  hang: ["result"],
  throw: ["exception"],
  exit: ["exception"],
  overflow: ["exception"],
  crash: ["none"],
  exhaust: ["none"],
};

export class CallBook {
  readonly functions: FunctionBook;
  /** What loading each version does. */
  readonly loadings = new Map<VersionId, Loading>();
  /** How many workers of each version are to stay warm. */
  readonly minWarm = new Map<VersionId, number>();
  private readonly asked = new Map<string, AskedCall>();
  private readonly accounts = new Map<InvocationId, Account>();
  /** Crashes of leased workers, by caller and version. */
  private readonly crashes = new Map<string, number>();
  private readonly answers = new Map<string, Answered>();
  /** Attempts in a worker that another call of it may have ended. */
  private readonly doomed = new Set<string>();
  /** How many calls of a user and version could be started on none of several nodes. */
  private readonly unstarted = new Map<string, number>();
  /** By invocation: runs, and what users heard, of calls that are not on record. */
  private readonly early = new Map<InvocationId, readonly { key: AttemptKey; found: Found }[]>();
  private readonly heard = new Map<InvocationId, [CallAnswer["kind"] | null, string | null]>();

  constructor(private readonly world: World) {
    this.functions = new FunctionBook(() => world.nowMs);
  }

  private demand(holds: boolean, sentence: string): void {
    if (!holds) this.world.complain(sentence);
  }

  /** A user begins to ask under this request id. */
  asks(requestId: string, call: Omit<AskedCall, "askedMs">): void {
    this.asked.set(requestId, { ...call, askedMs: this.world.nowMs });
  }

  refused(requestId: string, code: string): void {
    const asked = this.asked.get(requestId)!;
    if (code !== "NOT_FOUND") return;
    this.demand(
      this.functions.mayMean(asked, null, asked.askedMs),
      `${requestId} found no ${asked.name}@${asked.selector}, and there must be one`,
    );
  }

  /** It is durable; called once for each request. */
  submitted(
    { requestId, owner, submission, inputs: given, packed }: NewInvocations,
    ids: readonly InvocationId[],
  ) {
    const { command, arrayTasks, timeLimitMs } = submission;
    if (command.kind !== "call") return;
    if (command.isCheck) {
      this.warmedUp(ids[0]!, owner.uid, command, timeLimitMs);
      return;
    }
    const asked = this.asked.get(requestId);
    // Inputs that were packed are seen where the calls run.
    const isLease = command.lease !== undefined;
    const inputs = packed === undefined ? given : [];
    if (asked === undefined || inputs === undefined) {
      this.demand(false, `${requestId} became calls without inputs, or nobody asked`);
      return;
    }
    // The input of a call that an earlier gleanerd accepted is with its client.
    const isKept = inputs.length > 0;
    // The workers of a lease that an earlier gleanerd accepted are recorded one by one.
    const count = isLease && !isKept ? 1 : asked.inputs.length;
    const isAsAsked =
      owner.uid === asked.caller &&
      ids.length === count &&
      (!isKept || inputs.length === ids.length) &&
      (arrayTasks !== null) === asked.isMap;
    this.demand(isAsAsked, `${requestId} became other calls than ${owner.user} asked for`);
    const version = command.version as VersionId;
    this.demand(
      this.functions.mayMean(asked, version, asked.askedMs),
      `${requestId} calls version ${version} as ${asked.owner}/${asked.name}@${asked.selector}`,
    );
    ids.forEach((id, at) => {
      const input = asked.inputs[at]!;
      this.demand(
        !isKept || isLease || isSame(inputs[at], input),
        `call ${id} was recorded with another input`,
      );
      const asks = inputIn(input);
      const { uid } = owner;
      const account = { input, asks, version, uid, timeLimitMs, isLease, isWarmUp: false };
      this.accounts.set(id, { ...account, answer: undefined });
      this.recallRuns(id);
    });
  }

  /** gleanerd itself submits a call that only loads, as the owner, for a function's min-warm. */
  private warmedUp(id: InvocationId, uid: number, called: Warmed, timeLimitMs: number): void {
    const version = called.version as VersionId;
    const name = called.function.split("/")[1]!;
    const open = [...this.accounts.values()].filter(
      (each) => each.isWarmUp && callerOf(each) === `${uid}/${version}` && !isOver(each),
    );
    const wanted = this.minWarm.get(version) ?? 0;
    this.demand(
      open.length < wanted,
      `${open.length + 1} workers of ${version} start at once for a min-warm of ${wanted}`,
    );
    const latest = { caller: uid, owner: uid, name, selector: "latest" };
    this.demand(
      this.functions.mayMean(latest, version, this.world.nowMs - listedMs),
      `a worker of ${version} is kept warm, which is not the latest of ${called.function}`,
    );
    const asks = plainInput("none");
    const account = { input: new Uint8Array(), asks, version, uid, timeLimitMs, isLease: false };
    this.accounts.set(id, { ...account, isWarmUp: true, answer: undefined });
    this.world.books.counts.warmedUp++;
  }

  /** A worker's handler begins with it. */
  ran(key: AttemptKey, found: Found): void {
    const account = this.accounts.get(key.invocation);
    if (account === undefined) {
      // Whether it may run before its record is told elsewhere.
      this.early.set(key.invocation, [...(this.early.get(key.invocation) ?? []), { key, found }]);
      return;
    }
    const name = `call ${key.invocation}.${key.attempt}`;
    this.demand(!account.isWarmUp, `${name} only loads its code, and reached the handler`);
    this.demand(
      found.version === account.version,
      `${name} of version ${account.version} ran in ${found.version}`,
    );
    this.demand(found.uid === account.uid, `${name} ran as ${found.uid}`);
    this.demand(
      Buffer.compare(account.input, found.payload) === 0,
      `${name} ran with another input`,
    );
    this.world.books.counts.calls++;
  }

  /** What a call did, and what its user heard, before its record. */
  private recallRuns(id: InvocationId): void {
    for (const { key, found } of this.early.get(id) ?? []) this.ran(key, found);
    this.early.delete(id);
  }

  /** One of these calls, which share a worker, ends it. */
  mayDoom(keys: readonly AttemptKey[]): void {
    if (keys.length > 1) for (const key of keys) this.doomed.add(nameOf(key));
  }

  isCall(invocation: InvocationId): boolean {
    return this.accounts.has(invocation);
  }

  answered(key: AttemptKey, answer: Answered): void {
    this.answers.set(nameOf(key), answer);
  }

  /** The end of an attempt is recorded. */
  recorded(result: AttemptResult): void {
    const { invocation, attempt, end, next, answer, log, wallMs } = result;
    const account = this.accounts.get(invocation);
    const name = `call ${invocation}.${attempt}`;
    if (account === undefined) {
      this.demand(answer === null, `${name} is a command and has an answer`);
      return;
    }
    if (account.isLease) {
      this.leaseRecorded(name, account, result);
      return;
    }
    if (end === "TIMEOUT")
      this.demand(
        wallMs >= account.timeLimitMs / 2 - 1,
        `${name} had ${wallMs} ms of its ${account.timeLimitMs} ms: the rest was not its own`,
      );
    if (!isFinal(next)) {
      this.demand(answer === null && log === null, `${name} has an answer and goes on`);
      return;
    }
    this.checkLog(name, account, end === "COMPLETED", log);
    this.demand(account.answer === undefined, `${name} has ended twice`);
    account.answer = answer;
    const heard = this.heard.get(invocation);
    if (heard !== undefined) this.read(invocation, ...heard);
    if (answer !== null) this.checkAnswer(name, { invocation, attempt }, answer);
    this.demand(
      (end === "COMPLETED") === (answer?.kind === "result"),
      `${name} ended ${end} with ${answer?.kind ?? "no answer"}`,
    );
    if (end === "FAILED" && answer !== null)
      this.demand(
        this.mayFail(account, answer) || this.doomed.has(`${invocation}.${attempt}`),
        `${name} was to ${account.asks.does}, and the user is told of an error of theirs`,
      );
  }

  /** One crash, or an eviction, does not end a lease; three crashes in a row may. */
  private leaseRecorded(name: string, account: Account, result: AttemptResult): void {
    const { end, next, answer, reason, wallMs } = result;
    const isBroken = answer?.kind === "notLoaded";
    const loading = this.loadings.get(account.version);
    this.demand(answer?.kind !== "result", `lease ${name} has a result`);
    this.demand(
      !isBroken || loading === "fails" || loading === "exits",
      `lease ${name} could not load its code, which can be loaded`,
    );
    const caller = callerOf(account);
    const isCrash = (end === "FAILED" || end === "OUT_OF_MEMORY") && wallMs > 0 && !isBroken;
    if (isCrash) this.crashes.set(caller, (this.crashes.get(caller) ?? 0) + 1);
    if (isFinal(next)) account.answer = null;
    if (reason?.includes("crashed in a row"))
      this.demand((this.crashes.get(caller) ?? 0) >= 3, `lease ${name} ended: ${reason}`);
  }

  /** It could be started on none of several nodes, so that it seems to be its function's fault. */
  givenUp(id: InvocationId): void {
    const account = this.accounts.get(id);
    if (account !== undefined) this.unstarted.set(callerOf(account), this.unstartedOf(account) + 1);
  }

  private unstartedOf(account: Account): number {
    return this.unstarted.get(callerOf(account)) ?? 0;
  }

  /** It ended while it waited: it was cancelled, or its function is stopped. */
  withdrawn(id: InvocationId, state: string): void {
    const account = this.accounts.get(id);
    const loading = account && this.loadings.get(account.version);
    const seemsBroken = account !== undefined && this.unstartedOf(account) >= nearlyStopping;
    this.demand(
      state === "CANCELLED" || loading === "fails" || loading === "exits" || seemsBroken,
      `waiting ${id} is recorded as ${state}, and workers can load its function`,
    );
    if (account !== undefined) account.answer = null;
  }

  /** Versions were removed for good. */
  pruned(versions: ReadonlySet<string>): void {
    for (const [id, { answer, version }] of this.accounts)
      if (answer === undefined)
        this.demand(versions.has(version), `call ${id} needs code that is removed`);
  }

  private mayFail({ asks, version }: Account, { kind }: CallAnswer): boolean {
    const loading = this.loadings.get(version);
    if (kind === "notLoaded") return loading === "fails" || loading === "exits";
    return ends[asks.does].includes(kind);
  }

  /** What it printed, and nothing that another call printed in the same worker. */
  private checkLog(
    name: string,
    { asks }: Account,
    isComplete: boolean,
    log: Uint8Array | null,
  ): void {
    const lines = log === null ? [] : Buffer.from(log).toString().trimEnd().split("\n");
    this.demand(
      lines.every((line) => line.startsWith(`${asks.call}.`)),
      `${name} is told to have printed ${lines.join("; ")}`,
    );
    if (isComplete) this.demand(lines.length === (asks.prints ? 1 : 0), `${name} lost its log`);
  }

  private checkAnswer(name: string, key: AttemptKey, answer: CallAnswer): void {
    const account = this.accounts.get(key.invocation)!;
    const { asks, version, uid, input } = account;
    const given = this.answers.get(nameOf(key));
    // An end of the process is an answer that no worker gave.
    const mayExit =
      asks.does === "exit" || asks.does === "overflow" || this.doomed.has(nameOf(key));
    const isEnd =
      answer.kind === "exception"
        ? mayExit
        : answer.kind === "notLoaded" && this.loadings.get(version) === "exits";
    this.demand(
      isEnd || given?.kind === answer.kind,
      `${name}: a ${answer.kind} that no worker gave`,
    );
    if (answer.kind !== "result") return;
    const result = account.isWarmUp ? "" : resultOf(version, uid, input);
    this.demand(
      given?.text === result && isSame(answer.payload, Buffer.from(result)),
      `${name} has the result of another call`,
    );
  }

  /** A user reads how a call ended. */
  read(id: InvocationId, kind: CallAnswer["kind"] | null, text: string | null): void {
    const account = this.accounts.get(id);
    if (account?.answer === undefined) this.heard.set(id, [kind, text]);
    // An answer of a call that its client waited for may come before its record.
    if (account === undefined) return;
    const { answer, version, uid, input } = account;
    this.world.books.counts.read++;
    this.demand(
      answer !== undefined && (answer?.kind ?? null) === kind,
      `a user reads ${kind} as the answer of call ${id}, recorded was ${answer?.kind}`,
    );
    if (kind === "result")
      this.demand(text === resultOf(version, uid, input), `a user reads another call's result`);
  }

  hasEnded(id: InvocationId): boolean {
    const account = this.accounts.get(id);
    return account?.answer !== undefined;
  }
}

function isSame(payload: Payload | undefined, content: Uint8Array): boolean {
  if (payload === undefined) return false;
  if (isStored(payload)) return payload.blob === hashOf(content);
  return Buffer.compare(payload.body, content) === 0;
}

const nameOf = ({ invocation, attempt }: AttemptKey): string => `${invocation}.${attempt}`;
