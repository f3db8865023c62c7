// Commands that cannot be started: whether the node or the user is the cause, and which nodes to
// leave alone for it.

import type { UnusableReason } from "../../model/capacity/hole.js";
import type { InvocationId, NodeName } from "../../model/ids.js";
import type { Invocation, StartFailure, StartStage } from "../../model/invocation.js";
import type { Node } from "../../model/slurm/node.js";

/** One invocation is tried on so many nodes, and on one that is the only one so often. */
const maxNodes = 3;
const maxTriesThere = 3;
/**
 * Until a function is tried again on a node where it could not be started; doubled with each time.
 */
const suspectMs = 20_000;
/** The same, when it could be started elsewhere. */
const provenMs = 60_000;
/** What started lately is not taken for its user's error because it fails on two nodes. */
const startedLatelyMs = 600_000;
/**
 * A node is sick when starts fail there, and only there, for so many users, or so often for one
 * user, within this time.
 */
const sickUsers = 2;
const sickStarts = 5;
const windowMs = 600_000;
/** So long a sick node is left alone the first time; doubled each time that it is sick again. */
const awayMs = 60_000;
const longestAwayMs = 3_600_000;
/** Functions, and invocations that were tried, that are kept in mind: some hundred bytes each. */
const maxRemembered = 10_000;

/** An attempt whose command did not begin. */
export interface FailedStart extends StartFailure {
  readonly invocation: InvocationId;
  readonly attempt: number;
  readonly functionKey: string;
  readonly user: string;
  readonly node: NodeName;
  /** The sentence of the node. */
  readonly message: string;
}

/** What becomes of the invocation, with the sentence for its owner. */
export interface Verdict {
  readonly isFinal: boolean;
  readonly reason: string;
}

export interface Illness {
  readonly detail: string;
  readonly untilMs: number;
}

/** With when it may be tried there again. */
interface Try extends FailedStart {
  readonly avoidUntilMs: number;
}

interface Suspicion {
  readonly untilMs: number;
  readonly times: number;
}

/** How often commands of a user failed on one node and were started on another. */
interface Evidence {
  readonly sinceMs: number;
  readonly starts: number;
}

interface Away extends Illness {
  readonly times: number;
}

/**
 * A function whose start failed on a node is not tried there for a while, and the invocation is
 * tried on another node. If it fails there likewise it was the user's error; if it starts, that is
 * evidence against the first node. Given the time with each call, it is as pure as a map can be.
 */
export class SickNodes {
  /** Failed starts of invocations that have not been started anywhere yet. */
  private readonly tried = new Map<InvocationId, readonly Try[]>();
  private readonly suspicions = new Map<string, Map<NodeName, Suspicion>>();
  /** When a function was started last. */
  private readonly startedAtMs = new Map<string, number>();
  private readonly evidence = new Map<NodeName, Map<string, Evidence>>();
  private readonly away = new Map<NodeName, Away>();

  /** `foundSick` hears of each node that is left alone from now on. */
  constructor(private readonly foundSick: (node: NodeName, illness: Illness) => void) {}

  /**
   * `others`: how many nodes, beside those that it failed on, might take it. The same attempt may
   * be told again.
   */
  failed(
    start: FailedStart,
    others: (tried: ReadonlySet<NodeName>) => number,
    nowMs: number,
  ): Verdict {
    const before = (this.tried.get(start.invocation) ?? []).filter(
      ({ attempt }) => attempt !== start.attempt,
    );
    const timesThere = before.filter(({ node }) => node === start.node).length + 1;
    const all = [...before, { ...start, avoidUntilMs: nowMs + doubled(suspectMs, timesThere) }];
    const reason = sentenceOf(start, before);
    const isError = isUsersOwn(start) || (isLikewise(all) && !this.startedLately(start, nowMs));
    // No node is to blame.
    if (isError) this.suspicions.delete(start.functionKey);
    if (isError || isEnough(all, others)) {
      this.forget(start.invocation);
      return { isFinal: true, reason };
    }
    remember(this.tried, start.invocation, all);
    this.suspect(start, suspectMs, nowMs);
    if (isNodesOwn(start)) this.prove(start, nowMs);
    return { isFinal: false, reason: `${reason}; it is tried on another node first` };
  }

  /** A command runs: nodes where its start failed before are to blame. */
  started(
    {
      invocation,
      functionKey,
      user,
      node,
    }: Omit<FailedStart, keyof StartFailure | "attempt" | "message">,
    nowMs: number,
  ): void {
    remember(this.startedAtMs, functionKey, nowMs);
    this.suspicions.get(functionKey)?.delete(node);
    this.evidence.get(node)?.delete(user);
    const failed = this.tried.get(invocation) ?? [];
    this.tried.delete(invocation);
    for (const start of failed) {
      if (start.node === node) continue;
      this.suspect(start, provenMs, nowMs);
      this.prove(start, nowMs);
    }
  }

  /** It has ended without a start, as when it was cancelled. */
  forget(invocation: InvocationId): void {
    this.tried.delete(invocation);
  }

  /**
   * Nodes on which this invocation is not tried now: where its own start failed; of one that was
   * not tried yet, where others of its function failed.
   */
  avoidedBy(invocation: InvocationId, functionKey: string, nowMs: number): readonly NodeName[] {
    const tried = this.tried.get(invocation);
    if (tried !== undefined)
      return tried.filter(({ avoidUntilMs }) => avoidUntilMs > nowMs).map(({ node }) => node);
    const suspicions = this.suspicions.get(functionKey);
    if (suspicions === undefined) return [];
    return [...suspicions].filter(([, { untilMs }]) => untilMs > nowMs).map(([node]) => node);
  }

  /** Why a node is left alone; null: it is not. */
  illness(node: NodeName, nowMs: number): Illness | null {
    const away = this.away.get(node);
    return away !== undefined && away.untilMs > nowMs ? away : null;
  }

  private startedLately({ functionKey }: FailedStart, nowMs: number): boolean {
    const startedAtMs = this.startedAtMs.get(functionKey);
    return startedAtMs !== undefined && nowMs - startedAtMs <= startedLatelyMs;
  }

  private suspect({ functionKey, node }: FailedStart, baseMs: number, nowMs: number): void {
    const ofFunction = this.suspicions.get(functionKey) ?? new Map<NodeName, Suspicion>();
    const times = (ofFunction.get(node)?.times ?? 0) + 1;
    ofFunction.set(node, { untilMs: nowMs + doubled(baseMs, times), times });
    remember(this.suspicions, functionKey, ofFunction);
  }

  private prove(start: FailedStart, nowMs: number): void {
    const { node, user } = start;
    const users = this.evidence.get(node) ?? new Map<string, Evidence>();
    for (const [name, { sinceMs }] of users) if (nowMs - sinceMs > windowMs) users.delete(name);
    const { sinceMs = nowMs, starts = 0 } = users.get(user) ?? {};
    users.set(user, { sinceMs, starts: starts + 1 });
    this.evidence.set(node, users);
    const isSick = users.size >= sickUsers || starts + 1 >= sickStarts;
    if (!isSick || this.illness(node, nowMs) !== null) return;
    const times = (this.away.get(node)?.times ?? 0) + 1;
    const who = users.size > 1 ? `${users.size} users` : "one user";
    // Without the node's sentence, which may name a user's files.
    const detail = `commands of ${who} could not be started there (the last: ${causeOf(start)})`;
    const away = { detail, untilMs: nowMs + doubled(awayMs, times), times };
    this.away.set(node, away);
    this.evidence.delete(node);
    this.foundSick(node, away);
  }
}

/**
 * Whether an invocation could run on this node now or later; `reason`: why it has no hole, null for
 * one that has.
 */
export function mayTakeWork(
  node: Pick<Node, "cores" | "memoryMb" | "gpuCount">,
  reason: UnusableReason | null,
  { cores, memoryMb, gpus }: Pick<Invocation, "cores" | "memoryMb" | "gpus">,
): boolean {
  const isLargeEnough = node.cores >= cores && node.memoryMb >= memoryMb && node.gpuCount >= gpus;
  return isLargeEnough && (reason === null || !lasting.has(reason.kind));
}

/** Reasons that only an administrator of Slurm takes away. */
const lasting: ReadonlySet<UnusableReason["kind"]> = new Set([
  "partition",
  "noHook",
  "noPreemption",
]);

const doubled = (baseMs: number, times: number): number =>
  Math.min(baseMs * 2 ** Math.min(times - 1, 30), longestAwayMs);

/** Whether no further node is worth a try. */
function isEnough(
  all: readonly FailedStart[],
  others: (tried: ReadonlySet<NodeName>) => number,
): boolean {
  const nodes = new Set(all.map(({ node }) => node));
  const last = all.at(-1)!;
  if (nodes.size >= maxNodes || all.length >= maxNodes * maxTriesThere) return true;
  if (all.filter(({ node }) => node === last.node).length >= maxTriesThere) return true;
  return !isNodesOwn(last) && others(nodes) === 0;
}

/** Stages in which nothing of what the user asked for is looked at. */
const nodesOwn: ReadonlySet<StartStage> = new Set([
  "start",
  "join",
  "oom-score",
  "schedule",
  "affinity",
  "namespace",
]);
const isNodesOwn = ({ stage }: StartFailure): boolean => nodesOwn.has(stage);

/** The last failed as it had on another node, in what the user asked for. */
function isLikewise(all: readonly FailedStart[]): boolean {
  const last = all.at(-1)!;
  const isSame = ({ node, stage }: FailedStart) => node !== last.node && stage === last.stage;
  return !isNodesOwn(last) && all.some(isSame);
}

/** What no node could start. */
const isUsersOwn = ({ stage, errno }: StartFailure): boolean =>
  stage === "request" || (stage === "exec" && (errno === e2big || errno === enoexec));
const e2big = 7;
const enoexec = 8;

const causes: Partial<Record<StartStage, string>> = {
  user: "their user is not known",
  chdir: "the working directory cannot be entered",
  "open-stdin": "the input file cannot be opened",
  "open-stdout": "the output file cannot be opened",
  "open-stderr": "the output file cannot be opened",
  checkpoint: "the checkpoint folder cannot be made",
  exec: "the program or its interpreter is missing",
  join: "their cgroup cannot be made",
  namespace: "their namespaces cannot be made",
};
const causeOf = ({ stage }: StartFailure): string => causes[stage] ?? `step ${stage}`;

/** The node's sentence, with all nodes on which it was tried. */
function sentenceOf({ message, node }: FailedStart, before: readonly FailedStart[]): string {
  const others = [...new Set(before.map((each) => each.node))].filter((each) => each !== node);
  const also = others.length === 0 ? "" : `, after a try on ${others.join(" and ")}`;
  return `${message} (on ${node}${also})`;
}

/** Keeps the map in the order of the last changes, and bounded. */
function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= maxRemembered) return;
  const [oldest] = map.keys();
  map.delete(oldest as Key);
}
