// Which attempt runs on which executor: an assignment from its beginning until its end is durable.

import { assert } from "../../model/errors.js";
import type { ExecutorId, InvocationId } from "../../model/ids.js";
import { step, type Transitions } from "../../model/machine.js";
import type { PlaceRequest } from "../../model/resources.js";
import type { AttemptKey } from "../../wire/messages.js";
import { orderedIn, type SharedPlace } from "./shared-place.js";

/**
 * The executor holds it; then it is returned: its end is known, its cores are free, and its end is
 * being recorded; then its end is durable.
 */
export type AssignmentState = "begun" | "returned" | "settled";

const assignmentTransitions: Transitions<AssignmentState> = {
  // Settled at once if its beginning could not be recorded.
  begun: ["returned", "settled"],
  // Begun again if its end could not be recorded: its executor will report it again.
  returned: ["begun", "settled"],
  settled: [],
};

export interface Assignment extends AttemptKey, PlaceRequest {
  readonly executor: ExecutorId;
  readonly state: AssignmentState;
  /**
   * When its order was sent, and how long before its time limit it gets a notice; null if not sent
   * yet. An order from an earlier daemon is converted to our clock.
   */
  readonly ordered: { readonly atMs: number; readonly leadMs: number } | null;
  /** null if it has a place of its own. */
  readonly place: SharedPlace | null;
  /** Whether it was ordered for the place of another. */
  readonly follows: boolean;
  /** Whether another of its place has what they hold: it holds nothing. */
  readonly waits: boolean;
}

type Changing = { -readonly [Key in keyof Assignment]: Assignment[Key] };

/** What one executor holds, as it comes and goes. */
export interface Held {
  readonly attempts: ReadonlyMap<InvocationId, Assignment>;
  /** Those that hold resources, one for each place. */
  readonly holders: ReadonlySet<Assignment>;
}

interface ChangingHeld extends Held {
  readonly attempts: Map<InvocationId, Changing>;
  readonly holders: Set<Changing>;
}

/** At most one for each invocation: exactly while it is RUNNING. */
export class Assignments {
  private readonly byInvocation = new Map<InvocationId, Changing>();
  /** The most that each known executor has held at once. */
  private readonly most = new Map<ExecutorId, number>();
  /** Those that each known executor holds. */
  private readonly byExecutor = new Map<ExecutorId, ChangingHeld>();

  /** `onPlace`: it waited, and has the place now. */
  constructor(private readonly onPlace: (assignment: Assignment) => void = () => {}) {}

  /** A new executor. */
  open(executor: ExecutorId): Held {
    const held = { attempts: new Map(), holders: new Set<Changing>() };
    this.byExecutor.set(executor, held);
    return held;
  }

  /** An executor is gone; it must hold none. */
  close(executor: ExecutorId): void {
    const held = this.byExecutor.get(executor)?.attempts.size ?? 0;
    assert(held === 0, `executor ${executor} holds no attempt when it is forgotten`);
    this.byExecutor.delete(executor);
    this.most.delete(executor);
  }

  mostHeldBy(executor: ExecutorId): number {
    return this.most.get(executor) ?? 0;
  }

  begin(
    facts: Omit<Assignment, "state" | "place" | "follows" | "waits">,
    place: SharedPlace | null = null,
  ): Assignment {
    const { invocation, executor } = facts;
    assert(!this.byInvocation.has(invocation), `invocation ${invocation} is assigned once`);
    const follows = place !== null && place.tasks.length > 0;
    const assignment: Changing = { ...facts, place, follows, waits: follows, state: "begun" };
    (place?.tasks as Changing[] | undefined)?.push(assignment);
    // An earlier gleanerd may have ordered it.
    if (place !== null && facts.ordered !== null) orderedIn(place, facts.ordered.atMs);
    this.byInvocation.set(invocation, assignment);
    this.give(assignment);
    const held = this.byExecutor.get(executor)?.attempts.size ?? 0;
    this.most.set(executor, Math.max(this.mostHeldBy(executor), held));
    return assignment;
  }

  /** The one of an invocation; undefined unless it is RUNNING. */
  get(invocation: InvocationId): Assignment | undefined {
    return this.byInvocation.get(invocation);
  }

  /** Its order was sent. */
  order(assignment: Assignment, ordered: NonNullable<Assignment["ordered"]>): void {
    (assignment as Changing).ordered = ordered;
    if (assignment.place !== null) orderedIn(assignment.place, ordered.atMs);
  }

  /**
   * Its end is known; its executor holds it no longer. A worker that lost a call, or took none,
   * gets no other one.
   */
  return(assignment: Assignment, isWorkerLost = false): void {
    if (isWorkerLost && assignment.place !== null) assignment.place.isOpen = false;
    this.become(assignment, "returned");
    this.take(assignment);
  }

  /** Its end could not be recorded: its executor keeps it, and reports it again. */
  undoReturn(assignment: Assignment): void {
    this.become(assignment, "begun");
    this.give(assignment);
  }

  /** Its end is durable, or its beginning was never recorded. */
  settle(invocation: InvocationId): void {
    const assignment = this.byInvocation.get(invocation);
    assert(assignment !== undefined, `invocation ${invocation}, which ends, is assigned`);
    this.become(assignment, "settled");
    this.byInvocation.delete(invocation);
    this.take(assignment);
    assignment.place?.toldMs.delete(invocation);
  }

  private give(assignment: Changing): void {
    const held = this.byExecutor.get(assignment.executor);
    held?.attempts.set(assignment.invocation, assignment);
    if (!assignment.waits) held?.holders.add(assignment);
  }

  private take(assignment: Changing): void {
    const held = this.byExecutor.get(assignment.executor);
    held?.attempts.delete(assignment.invocation);
    held?.holders.delete(assignment);
    this.leavePlace(assignment);
  }

  /** The next one of its place has what they hold. */
  private leavePlace({ place, invocation, executor }: Assignment): void {
    const at = place?.tasks.findIndex((task) => task.invocation === invocation) ?? -1;
    if (place === null || at < 0) return;
    (place.tasks as Changing[]).splice(at, 1);
    const [next] = place.tasks as Changing[];
    if (at > 0 || next === undefined) return;
    next.waits = false;
    this.byExecutor.get(executor)?.holders.add(next);
    this.onPlace(next);
  }

  private become(assignment: Assignment, state: AssignmentState): void {
    const { invocation, attempt } = assignment;
    const what = `attempt ${attempt} of invocation ${invocation}`;
    (assignment as Changing).state = step(assignmentTransitions, assignment.state, state, what);
  }
}
