// What is known of the invocations that others depend on: whether they have begun, ended, failed.

import { nowMs } from "../../clock.js";
import type { ScanFilter, Store } from "../../core/ports/store.js";
import { type Standing, type Verdict, verdictOf } from "../../core/scheduling/eligibility.js";
import { type InvocationId, namesArray } from "../../model/ids.js";
import { type Condition, type Invocation, isFinal } from "../../model/invocation.js";
import { firstOf } from "../invocations/first-of.js";
import type { Events } from "../state/events.js";
import type { LiveInvocations } from "../state/live.js";

/** An invocation, an array or a task that others depend on. */
interface Target {
  /** The array's id, or the invocation's own. */
  readonly id: InvocationId;
  readonly isArray: boolean;
  /** The submissions that wait for it. */
  readonly dependents: Set<InvocationId>;
  /** Whether the store's part of it is known. */
  isLoaded: boolean;
  hasFailed: boolean;
  begunAtMs: number | null;
  /** How the tasks of an array ended, by their numbers. */
  readonly ends: Map<number, "ok" | "failed">;
}

const failures: ScanFilter["states"] = ["FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"];

export class Standings {
  /** By the ids as users write them. */
  private readonly targets = new Map<string, Target>();
  /** The same ones, by the id of the array or of the invocation. */
  private readonly byId = new Map<InvocationId, Set<Target>>();

  /** `changed`: something changed for these submissions. */
  constructor(
    private readonly live: LiveInvocations,
    private readonly store: Pick<Store, "listInvocations" | "scanInvocations">,
    events: Events,
    private readonly changed: (dependents: Iterable<InvocationId>) => void,
  ) {
    events.subscribe(["invocationBegan"], ({ id, array }) => this.touch(id, array));
    events.subscribe(["invocationEnded"], ({ invocation }) => this.ended(invocation));
    events.subscribe(["tasksEnded"], ({ array }) => {
      for (const target of this.byId.get(array) ?? []) target.hasFailed = true;
      this.touch(array, null);
    });
    events.subscribe(["arrayEnded"], ({ array }) => this.touch(array, null));
  }

  /** Resolves once everything is known of what a condition names. */
  async watch({ kind, of }: Condition, dependent: InvocationId): Promise<void> {
    if (of === undefined) return;
    const known = this.targets.get(of);
    if (known !== undefined) {
      known.dependents.add(dependent);
      if (kind === "aftercorr" && known.isLoaded) await this.loadEnds(known);
      return;
    }
    const first = await firstOf(this.store, of);
    // A record that was removed for its age keeps nobody waiting, as in Slurm.
    if (first === null) return;
    const isArray = namesArray(of, first);
    const id = isArray ? first.arrayJobId! : first.id;
    const target: Target = {
      id,
      isArray,
      dependents: new Set([dependent]),
      isLoaded: false,
      hasFailed: false,
      begunAtMs: null,
      ends: new Map(),
    };
    this.targets.set(of, target);
    this.byId.set(id, (this.byId.get(id) ?? new Set()).add(target));
    // Ends that are recorded from here on are heard of as well.
    await this.load(target);
    if (kind === "aftercorr") await this.loadEnds(target);
    target.isLoaded = true;
    this.changed(target.dependents);
  }

  /** The submission depends on nothing any more. */
  unwatch(dependent: InvocationId): void {
    for (const [of, target] of this.targets) {
      if (!target.dependents.delete(dependent) || target.dependents.size > 0) continue;
      this.targets.delete(of);
      this.byId.get(target.id)?.delete(target);
    }
  }

  /** For a task of an array, `task` is its number. */
  verdict(condition: Condition, task: number | null): Verdict {
    const target = this.targets.get(condition.of ?? "");
    if (target === undefined) return "met";
    if (!target.isLoaded) return "open";
    if (condition.kind === "aftercorr" && task !== null && target.isArray) {
      const end = target.ends.get(task);
      if (end !== undefined) return end === "ok" ? "met" : "never";
    }
    return verdictOf(condition, this.standingOf(target));
  }

  private standingOf(target: Target): Standing {
    const { id, isArray, hasFailed } = target;
    const isOpen = isArray ? this.live.hasArray(id) : this.live.has(id);
    if (target.begunAtMs === null && this.hasBegun(target)) target.begunAtMs = nowMs();
    return { isOpen, hasFailed, begunAtMs: target.begunAtMs };
  }

  private hasBegun({ id, isArray }: Target): boolean {
    const tasks = isArray ? this.live.tasksOf(id) : null;
    if (tasks === null) return (this.live.get(id)?.attempt ?? 0) > 0;
    if (this.live.room.runs(tasks.ids).length > 0) return false;
    return [...tasks.singles].every(({ attempt }) => attempt > 0);
  }

  private ended(invocation: Invocation): void {
    const { id, arrayJobId, arrayTaskId, state } = invocation;
    const isOk = state === "COMPLETED";
    for (const target of [...this.of(id), ...(arrayJobId === null ? [] : this.of(arrayJobId))]) {
      target.hasFailed ||= !isOk;
      if (arrayTaskId !== null) target.ends.set(arrayTaskId, isOk ? "ok" : "failed");
    }
    this.touch(id, arrayJobId);
  }

  private touch(id: InvocationId, array: InvocationId | null): void {
    if (this.byId.size === 0) return;
    for (const target of [...this.of(id), ...(array === null ? [] : this.of(array))])
      this.changed(target.dependents);
  }

  private of(id: InvocationId): Iterable<Target> {
    return this.byId.get(id) ?? [];
  }

  private async load(target: Target): Promise<void> {
    const { id, isArray } = target;
    if (!isArray) {
      const [found] = await this.store.listInvocations({ ids: [id], limit: 1 });
      const { state, startedAtMs } = found ?? { state: "COMPLETED", startedAtMs: null };
      target.hasFailed ||= isFinal(state) && state !== "COMPLETED";
      target.begunAtMs ??= startedAtMs;
      return;
    }
    for await (const found of this.ends(id, failures)) {
      target.hasFailed ||= found.length > 0;
      if (target.hasFailed) break;
    }
  }

  private async loadEnds({ id, isArray, ends }: Target): Promise<void> {
    if (!isArray) return;
    for await (const found of this.ends(id, [...failures!, "COMPLETED"]))
      for (const { arrayTaskId, state } of found)
        ends.set(arrayTaskId!, state === "COMPLETED" ? "ok" : "failed");
  }

  private async *ends(
    arrayJobId: InvocationId,
    states: ScanFilter["states"],
  ): AsyncIterable<readonly Invocation[]> {
    let after: number | null = 0;
    while (after !== null) {
      const filter: ScanFilter = { arrayJobId, states: states! };
      const scan: Awaited<ReturnType<Store["scanInvocations"]>> = await this.store.scanInvocations(
        filter,
        after,
      );
      yield scan.found;
      after = scan.scannedTo;
    }
  }
}
