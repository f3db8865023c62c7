// Decides which nodes to avoid after commands could not be started there, and for how long.

import type { UnusableReason } from "../../model/capacity/hole.js";
import type { InvocationId, NodeName } from "../../model/ids.js";
import { type StartFailure, triedElsewhere } from "../../model/records/start-failure.js";
import { remember } from "../../model/remember.js";
import type { ResourceRequest } from "../../model/resources.js";
import type { Node } from "../../model/slurm/node.js";
import {
  causeOf,
  type FailedStart,
  isLikewise,
  isNodesOwn,
  isUsersOwn,
  sentenceOf,
} from "./start-blame.js";

/** The most nodes on which one invocation is tried, and the most tries on a single node. */
const maxNodes = 3;
const maxTriesThere = 3;
/**
 * How long a function is not retried on a node where it could not be started; doubled each time.
 */
const suspectMs = 20_000;
/** The same, once the function has started elsewhere. */
const provenMs = 60_000;
/**
 * Failures on two nodes are not taken for a user error if the function started within this time.
 */
const startedLatelyMs = 600_000;
/**
 * A node is sick if starts fail there, and only there, for this many users, or this often for one
 * user, within this time.
 */
const sickUsers = 2;
const sickStarts = 5;
const windowMs = 600_000;
/** How long Gleaner avoids a sick node the first time; doubled each time it is sick again. */
const awayMs = 60_000;
const longestAwayMs = 3_600_000;
/** The most functions and tried invocations kept in memory: some hundred bytes each. */
const maxRemembered = 10_000;

/** The decision about the invocation, with the sentence for its owner. */
export interface Verdict {
  readonly isFinal: boolean;
  readonly reason: string;
  /** Whether one node alone may be to blame. */
  readonly maySuspectNode: boolean;
}

export interface Illness {
  readonly detail: string;
  readonly untilMs: number;
}

/** Includes the time from which it may be tried there again. */
interface Try extends FailedStart {
  readonly avoidUntilMs: number;
}

interface Suspicion {
  readonly untilMs: number;
  readonly times: number;
}

/** How often a user's commands failed on one node and started on another. */
interface Evidence {
  readonly sinceMs: number;
  readonly starts: number;
}

interface Away extends Illness {
  readonly times: number;
}

/**
 * A function that fails to start on a node avoids that node for a while, and the invocation is
 * tried on another node. If it fails there in the same way, the cause is a user error; if it
 * starts, that is evidence against the first node. Every call passes the time, so the result
 * depends on the calls alone.
 */
export class SickNodes {
  /** Failed starts of invocations that have not started anywhere yet. */
  private readonly tried = new Map<InvocationId, readonly Try[]>();
  private readonly suspicions = new Map<string, Map<NodeName, Suspicion>>();
  /** When a function last started. */
  private readonly startedAtMs = new Map<string, number>();
  private readonly evidence = new Map<NodeName, Map<string, Evidence>>();
  private readonly away = new Map<NodeName, Away>();

  /** Calls `foundSick` for each node that Gleaner avoids from now on. */
  constructor(private readonly foundSick: (node: NodeName, illness: Illness) => void) {}

  /**
   * `others` counts the nodes, besides those where it failed, that might take the invocation. The
   * same attempt may be reported more than once.
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
    // The nodes are not to blame.
    if (isError) this.suspicions.delete(start.functionKey);
    if (isError || isEnough(all, others)) {
      this.forget(start.invocation);
      const maySuspectNode = !isError && new Set(all.map(({ node }) => node)).size === 1;
      return { isFinal: true, reason, maySuspectNode };
    }
    remember(this.tried, start.invocation, all, maxRemembered);
    this.suspect(start, suspectMs, nowMs);
    if (isNodesOwn(start)) this.prove(start, nowMs);
    return { isFinal: false, reason: `${reason}${triedElsewhere}`, maySuspectNode: true };
  }

  /** A command runs: earlier nodes where its start failed are to blame. */
  started(
    {
      invocation,
      functionKey,
      user,
      node,
    }: Omit<FailedStart, keyof StartFailure | "attempt" | "message">,
    nowMs: number,
  ): void {
    remember(this.startedAtMs, functionKey, nowMs, maxRemembered);
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

  /** The invocation ended without a start, for example because it was cancelled. */
  forget(invocation: InvocationId): void {
    this.tried.delete(invocation);
  }

  /**
   * Nodes that this invocation avoids at present: those where its own start failed, or, before its
   * first try, those where others of its function failed.
   */
  avoidedBy(invocation: InvocationId, functionKey: string, nowMs: number): readonly NodeName[] {
    const tried = this.tried.get(invocation);
    if (tried !== undefined)
      return tried.filter(({ avoidUntilMs }) => avoidUntilMs > nowMs).map(({ node }) => node);
    const suspicions = this.suspicions.get(functionKey);
    if (suspicions === undefined) return [];
    return [...suspicions].filter(([, { untilMs }]) => untilMs > nowMs).map(([node]) => node);
  }

  /** Why Gleaner avoids a node; null if it does not. */
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
    remember(this.suspicions, functionKey, ofFunction, maxRemembered);
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
    const who = users.size > 1 ? `${users.size} users` : "1 user";
    // Omits the node's message, which may name a user's files.
    const detail = `commands of ${who} could not be started there (the last: ${causeOf(start)})`;
    const away = { detail, untilMs: nowMs + doubled(awayMs, times), times };
    this.away.set(node, away);
    this.evidence.delete(node);
    this.foundSick(node, away);
  }
}

/**
 * Whether an invocation could run on this node now or later; `reason` says why the node has no
 * hole, and is null if it has one.
 */
export function mayTakeWork(
  node: Pick<Node, "cores" | "memoryMb" | "gpuCount">,
  reason: UnusableReason | null,
  { cores, memoryMb, gpus }: ResourceRequest,
): boolean {
  const isLargeEnough = node.cores >= cores && node.memoryMb >= memoryMb && node.gpuCount >= gpus;
  return isLargeEnough && (reason === null || !lasting.has(reason.kind));
}

/** Reasons that only a Slurm administrator can remove. */
const lasting: ReadonlySet<UnusableReason["kind"]> = new Set([
  "partition",
  "noHook",
  "noPreemption",
]);

/** How long a node or function is avoided: each time twice as long, up to a limit. */
export const doubled = (baseMs: number, times: number): number =>
  Math.min(baseMs * 2 ** Math.min(times - 1, 30), longestAwayMs);

/** Whether a try on another node is pointless. */
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
