// The place of an executor on its node, and of each attempt in it: what holds them in their limits and ends them as a whole.

import type { Resources } from "../../model/resources.js";

export type ContainmentKind = "cgroup2" | "cgroup1" | "processGroup";

/** What limits follow from. */
export type Need = Pick<Resources, "cores" | "memoryMb">;

/** The place of one attempt. */
export interface AttemptGroup {
  /** Files that the command writes itself into. */
  readonly joinFiles: readonly string[];
  readonly killFile: string | null;
  /** No cgroup limits the memory: glean-spawn has to look. */
  readonly pollMemory: boolean;
  /** The most processes and threads that glean-spawn has to hold it to; null: a cgroup does. */
  readonly maxPolledProcesses: number | null;
  /** SIGKILL to all in it, at once. */
  kill(): void;
  /** All in it stand still, as soon as isFrozen says so, or go on. Throws where that cannot be done. */
  freeze(isFrozen: boolean): void;
  readonly isFrozen: boolean;
  /** Whether it was kept from opening the GPUs that are not its own. */
  readonly closesGpus: boolean;
  isEmpty(): boolean;
  /** false: something is still in it, try later. */
  remove(): boolean;
}

/** The place of one executor on its node. */
export interface Containment {
  readonly kind: ContainmentKind;
  /** Kills the executor and all its attempts; for the hook. */
  readonly killFile: string | null;
  /** Throws when the group cannot be made. `deniedDevices` null: the node has no GPU files. */
  openGroup(name: string, need: Resources, deniedDevices?: readonly string[] | null): AttemptGroup;
  /** SIGKILL to all attempts with one write, at once; false where that cannot be done. */
  killAll(): boolean;
  /** Whether no process of any attempt is left; false where that cannot be told. */
  isEmpty(): boolean;
  /**
   * While attempts are dying they go before all others that want the processor: a batch job waits for them, and on a busy node
   * they would wait for it. A second call changes nothing.
   */
  hurry(isUrgent: boolean): void;
  /** Holds all attempts together in the budget. Throws when the kernel refuses. */
  limit(budget: Need): void;
  /** Keeps all attempts, and this process, on these CPUs of the machine; null: any. Throws where that cannot be done. */
  confine(cpus: readonly number[] | null): void;
  /** Gives back what `openContainment` made; what cannot be removed is left to the next executor. */
  close(): void;
}
