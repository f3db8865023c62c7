// Reports what nodes cannot start, return or lose, and those without memory, to sick-nodes.ts,
// returned-work.ts and full-nodes.ts in core/capacity, and applies their decisions.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import { FullNodes } from "../../core/capacity/full-nodes.js";
import { ReturnedWork } from "../../core/capacity/returned-work.js";
import {
  type Illness,
  mayTakeWork,
  SickNodes,
  type Verdict,
} from "../../core/capacity/sick-nodes.js";
import type { Waiting } from "../../core/placement/queue.js";
import type { Plan } from "../../model/capacity/plan.js";
import type { InvocationId, JobId, NodeName } from "../../model/ids.js";
import type { AttemptEnd, Invocation } from "../../model/invocation.js";
import type { StartFailure } from "../../model/records/start-failure.js";
import { holdsNodes } from "../../model/slurm/job.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { AttemptKey } from "../../wire/messages.js";
import type { Assignment } from "../state/assignments.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { Registry } from "../state/registry.js";
import type { StoppedFunctions } from "./stopped-functions.js";

/** The latest view of Slurm; null before the first read. */
export interface SlurmView {
  readonly snapshot: Snapshot | null;
  readonly plan: Plan | null;
}

export class StartFailures {
  private readonly sick: SickNodes;
  private readonly returned: ReturnedWork;
  private readonly full: FullNodes;

  /** Calls `view` only once everything is constructed. */
  constructor(
    private readonly registry: Registry,
    private readonly live: LiveInvocations,
    private readonly view: () => SlurmView,
    private readonly log: Logger,
    private readonly stopped: StoppedFunctions,
  ) {
    this.sick = new SickNodes((node, illness) => this.foundSick(node, illness));
    this.returned = new ReturnedWork((node, illness) => this.foundSick(node, illness));
    this.full = new FullNodes((node, { detail, untilMs }) =>
      this.log.warn({ node, detail, untilMs }, "leaving a node without memory to its batch jobs"),
    );
  }

  /** The running attempt did not start: decides whether it is tried on another node. */
  failed(live: Live, failure: StartFailure, message: string): Verdict {
    const { invocation, digest } = live;
    const { id, attempt, owner, node } = invocation;
    const start = { ...failure, ...digestOf(id, digest.functionKey, String(owner.uid), node!) };
    const others = (tried: ReadonlySet<NodeName>) => this.othersFor(invocation, tried);
    const verdict = this.sick.failed({ ...start, attempt, message }, others, nowMs());
    // While the node may be sick, each call is tried for itself.
    if (verdict.isFinal && !verdict.maySuspectNode) this.stopped.failed(live, message, () => 0);
    return verdict;
  }

  /** The worker of the running attempt started and could not load the code. */
  notLoaded(live: Live, message: string): void {
    this.stopped.failed(live, message, (tried) => this.othersFor(live.invocation, tried));
  }

  /** An executor reports that a command started; counts only for attempts that it holds. */
  heardStarted({ attempts }: ExecutorRecord, { invocation, attempt }: AttemptKey): void {
    const live = this.live.get(invocation);
    if (live !== undefined && attempts.get(invocation)?.attempt === attempt) this.began(live);
  }

  /** The command of the running attempt started. */
  began(live: Live): void {
    const { id, owner, node } = live.invocation;
    this.stopped.loaded(live);
    this.sick.started(digestOf(id, live.digest.functionKey, String(owner.uid), node!), nowMs());
  }

  /** The invocation has ended. */
  forget(invocation: InvocationId): void {
    this.sick.forget(invocation);
  }

  /** Nodes that this invocation avoids at present. */
  avoidedBy({ id, functionKey = "" }: Pick<Waiting, "id" | "functionKey">): readonly NodeName[] {
    const live = this.live.get(id);
    const unloaded = live === undefined ? [] : this.stopped.avoidedBy(live);
    return [...this.sick.avoidedBy(id, functionKey, nowMs()), ...unloaded];
  }

  /** An attempt that an executor held ended there, or was lost with it. */
  ended(
    record: ExecutorRecord,
    assignment: Assignment,
    {
      end,
      startFailure,
    }: { readonly end: AttemptEnd; readonly startFailure?: StartFailure | undefined },
  ): void {
    const { node } = record;
    if (end === "LOST" || end === "EVICTED") {
      // A task that waits for another may be returned at any time, and a call when another one ends
      // its worker.
      const shares = assignment.follows || assignment.place?.isAtOnce === true;
      const mayReturn = shares || record.hadReasonToReturn(assignment);
      if (end === "EVICTED" && mayReturn) return;
      this.returned.returned(node, end, () => this.jobsOn(node), nowMs());
    } else if (startFailure === undefined) this.returned.kept(node);
  }

  /** Its node has no memory left: all that it has goes at once, because batch jobs come first. */
  heardFull(record: ExecutorRecord): void {
    const { detail } = this.full.heard(record.node, nowMs());
    record.retire("stop", detail);
  }

  private jobsOn(node: NodeName): readonly JobId[] {
    const jobs = this.view().snapshot?.jobs ?? [];
    return jobs.filter((job) => holdsNodes(job) && job.nodes.includes(node)).map(({ id }) => id);
  }

  illness(node: NodeName): Illness | null {
    return this.sick.illness(node, nowMs()) ?? this.returned.illness(node, nowMs());
  }

  fullness(node: NodeName): Illness | null {
    return this.full.illness(node, nowMs());
  }

  /** Functions that run there may finish. */
  private foundSick(node: NodeName, { detail }: Illness): void {
    this.log.warn({ node, detail }, "avoiding a node on which commands fail to start");
    this.registry.onNode(node)?.retire("drain", detail);
  }

  private othersFor(invocation: Invocation, tried: ReadonlySet<NodeName>): number {
    const { snapshot, plan } = this.view();
    // Not everything is known about other nodes: assumes that there are some.
    if (snapshot === null || plan === null || snapshot.unreadable.length > 0) return 1;
    const reasons = new Map(plan.unusable.map(({ node, reason }) => [node, reason]));
    const isOther = (node: Snapshot["nodes"][number]) =>
      !tried.has(node.name) && mayTakeWork(node, reasons.get(node.name) ?? null, invocation);
    return snapshot.nodes.filter(isOther).length;
  }
}

const digestOf = (invocation: InvocationId, functionKey: string, user: string, node: NodeName) => ({
  invocation,
  functionKey,
  user,
  node,
});
