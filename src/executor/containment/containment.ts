// The place of an executor on its node, and of each attempt in it: enforces their limits and ends
// them as a whole.

import type { Resources } from "../../model/resources.js";

export type ContainmentKind = "cgroup2" | "cgroup1" | "processGroup";

/** The resources that limits derive from. */
export type Need = Pick<Resources, "cores" | "memoryMb">;

/** The place of one attempt. */
export interface AttemptGroup {
  /** Files to which the command writes its pid to join. */
  readonly joinFiles: readonly string[];
  readonly killFile: string | null;
  /** true if no cgroup limits the memory, so that glean-spawn must check it. */
  readonly pollMemory: boolean;
  /** The limit of processes and threads that glean-spawn must enforce; null if a cgroup does. */
  readonly maxPolledProcesses: number | null;
  /** Sends SIGKILL to everything in it at once. */
  kill(): void;
  /**
   * Freezes everything in it (isFrozen reports when that is done), or resumes it. Throws if that is
   * impossible.
   */
  freeze(isFrozen: boolean): void;
  readonly isFrozen: boolean;
  /** Whether it cannot open GPUs other than its own. */
  readonly closesGpus: boolean;
  isEmpty(): boolean;
  /** The processes in it; none where nobody can tell. */
  processes(): readonly number[];
  /**
   * Its processes, if all that remain hang in the kernel; none if they do not, or if this is
   * unknown.
   */
  hanging(): readonly number[];
  /** Returns false while something is still in it: try again later. */
  remove(): boolean;
}

/** The place of one executor on its node. */
export interface Containment {
  readonly kind: ContainmentKind;
  /** The file through which the hook kills the executor and all its attempts. */
  readonly killFile: string | null;
  /**
   * Throws if the group cannot be created. `deniedDevices` is null if the node has no GPU files.
   */
  openGroup(name: string, need: Resources, deniedDevices?: readonly string[] | null): AttemptGroup;
  /** Sends SIGKILL to all attempts with one write, at once; returns false if that is impossible. */
  killAll(): boolean;
  /** Whether no process of any attempt is left; false if that is unknown. */
  isEmpty(): boolean;
  /**
   * Gives dying attempts precedence over everything else that wants the processor: a batch job
   * waits for them, and on a busy node they would wait for the processor. A second call changes
   * nothing.
   */
  hurry(isUrgent: boolean): void;
  /**
   * Moves this process into the group in which it is; see workers/standby/move-window.ts. Rejects
   * if the kernel refuses.
   */
  rehearseMove(): Promise<void>;
  /** Limits all attempts together to the budget. Throws if the kernel refuses. */
  limit(budget: Need): void;
  /**
   * Confines all attempts and this process to these CPUs of the machine; null allows any. Throws if
   * that is impossible.
   */
  confine(cpus: readonly number[] | null): void;
  /**
   * Undoes what `openContainment` created, once all processes have been killed; what cannot be
   * removed is left to the next executor.
   */
  close(): Promise<void>;
}
