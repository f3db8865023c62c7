// Which attempt runs on which executor: an assignment from its beginning until its end is durable.

import { assert } from "../../model/errors.js";
import type { ExecutorId, InvocationId } from "../../model/ids.js";
import { step, type Transitions } from "../../model/machine.js";
import type { ResourceRequest } from "../../model/resources.js";
import type { AttemptKey } from "../../wire/messages.js";

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

export interface Assignment extends AttemptKey, ResourceRequest {
  readonly executor: ExecutorId;
  readonly state: AssignmentState;
  /**
   * When its order was sent, and how long before its time limit it gets a notice; null if not sent
   * yet. An order from an earlier daemon is converted to our clock.
   */
  readonly ordered: { readonly atMs: number; readonly leadMs: number } | null;
  /** Tasks that have one place, one after another; null if it has a place of its own. */
  readonly run: TaskRun | null;
  /** Whether it was ordered behind another task of its run. */
  readonly follows: boolean;
  /** Whether another task of its run has the place: it holds nothing. */
  readonly waits: boolean;
}

/** Shared by the assignments of tasks that are ordered together. */
export interface TaskRun {
  /** Those that the executor holds, in their order. */
  readonly tasks: readonly Assignment[];
  /** When the first was ordered; null before. */
  orderedAtMs: number | null;
  /** What those that have ended took together, as far as that is believed. */
  spentMs: number;
  /** The part of each whose end is not durable: its executor may have to report it again. */
  readonly toldMs: Map<InvocationId, number>;
}

export const newTaskRun = (): TaskRun => ({
  tasks: [],
  orderedAtMs: null,
  spentMs: 0,
  toldMs: new Map(),
});

type Changing = { -readonly [Key in keyof Assignment]: Assignment[Key] };

/** At most one for each invocation: exactly while it is RUNNING. */
export class Assignments {
  private readonly byInvocation = new Map<InvocationId, Changing>();
  /** Those that each known executor holds. */
  private readonly byExecutor = new Map<ExecutorId, Map<InvocationId, Changing>>();

  /** `onPlace`: it waited, and has the place now. */
  constructor(private readonly onPlace: (assignment: Assignment) => void = () => {}) {}

  /** A new executor; returns those that it holds, as they come and go. */
  open(executor: ExecutorId): ReadonlyMap<InvocationId, Assignment> {
    const held = new Map<InvocationId, Changing>();
    this.byExecutor.set(executor, held);
    return held;
  }

  /** An executor is gone; it must hold none. */
  close(executor: ExecutorId): void {
    const held = this.byExecutor.get(executor)?.size ?? 0;
    assert(held === 0, `executor ${executor} holds no attempt when it is forgotten`);
    this.byExecutor.delete(executor);
  }

  begin(
    facts: Omit<Assignment, "state" | "run" | "follows" | "waits">,
    run: TaskRun | null = null,
  ): Assignment {
    const { invocation, executor } = facts;
    assert(!this.byInvocation.has(invocation), `invocation ${invocation} is assigned once`);
    const follows = run !== null && run.tasks.length > 0;
    const assignment: Changing = { ...facts, run, follows, waits: follows, state: "begun" };
    (run?.tasks as Changing[] | undefined)?.push(assignment);
    this.byInvocation.set(invocation, assignment);
    this.byExecutor.get(executor)?.set(invocation, assignment);
    return assignment;
  }

  /** The one of an invocation; undefined unless it is RUNNING. */
  get(invocation: InvocationId): Assignment | undefined {
    return this.byInvocation.get(invocation);
  }

  /** Its order was sent. */
  order(assignment: Assignment, ordered: NonNullable<Assignment["ordered"]>): void {
    (assignment as Changing).ordered = ordered;
    if (assignment.run !== null) assignment.run.orderedAtMs ??= ordered.atMs;
  }

  /** Its end is known; its executor holds it no longer. */
  return(assignment: Assignment): void {
    this.become(assignment, "returned");
    this.byExecutor.get(assignment.executor)?.delete(assignment.invocation);
    this.leaveRun(assignment);
  }

  /** Its end could not be recorded: its executor keeps it, and reports it again. */
  undoReturn(assignment: Assignment): void {
    this.become(assignment, "begun");
    this.byExecutor.get(assignment.executor)?.set(assignment.invocation, assignment);
  }

  /** Its end is durable, or its beginning was never recorded. */
  settle(invocation: InvocationId): void {
    const assignment = this.byInvocation.get(invocation);
    assert(assignment !== undefined, `invocation ${invocation}, which ends, is assigned`);
    this.become(assignment, "settled");
    this.byInvocation.delete(invocation);
    this.byExecutor.get(assignment.executor)?.delete(invocation);
    this.leaveRun(assignment);
    assignment.run?.toldMs.delete(invocation);
  }

  /** The next one of its run has the place. */
  private leaveRun({ run, invocation }: Assignment): void {
    const at = run?.tasks.findIndex((task) => task.invocation === invocation) ?? -1;
    if (run === null || at < 0) return;
    (run.tasks as Changing[]).splice(at, 1);
    const [next] = run.tasks as Changing[];
    if (at > 0 || next === undefined) return;
    next.waits = false;
    this.onPlace(next);
  }

  private become(assignment: Assignment, state: AssignmentState): void {
    const { invocation, attempt } = assignment;
    const what = `attempt ${attempt} of invocation ${invocation}`;
    (assignment as Changing).state = step(assignmentTransitions, assignment.state, state, what);
  }
}
