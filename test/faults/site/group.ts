// The cgroup of one attempt or worker on a simulated node.

import type { AttemptGroup } from "../../../src/executor/containment/containment.js";
import type { AttemptKey } from "../../../src/wire/messages.js";
import type { SimulatedRun } from "./node.js";

export class SimulatedGroup implements AttemptGroup {
  readonly joinFiles = [];
  readonly killFile = "/simulated/cgroup.kill";
  readonly pollMemory = false;
  readonly maxPolledProcesses = null;
  readonly closesGpus = false;
  readonly isFrozen = true;
  /** null until something was started in it. */
  run: SimulatedRun | null = null;
  /** The attempt that had it first; null: none has had it, its worker is started ahead. */
  taker: AttemptKey | null = null;
  onTaken: (key: AttemptKey) => void = () => {};
  /** The executor sends it a call, which may have to wait for the input of another. */
  onBegun: (key: AttemptKey) => void = () => {};
  onKill: () => void = () => {};

  /** `removed`: nothing is in it any more. */
  constructor(private readonly removed: (group: SimulatedGroup) => void) {}

  /** The executor gives it to an attempt. */
  taken(key: AttemptKey): void {
    this.taker ??= key;
    this.onTaken(key);
  }

  kill(): void {
    this.onKill();
    this.run?.killStarted();
  }

  freeze(isFrozen: boolean): void {
    this.run?.freeze(isFrozen);
  }

  isEmpty(): boolean {
    return this.run?.isAlive !== true;
  }

  processes(): readonly number[] {
    return [];
  }

  /** A killed process takes its time to die, and dies. */
  hanging(): readonly number[] {
    return [];
  }

  remove(): boolean {
    const isEmpty = this.isEmpty();
    if (isEmpty) this.removed(this);
    return isEmpty;
  }
}
