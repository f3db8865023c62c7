// What a parent of workers is made of, what is asked of it, and what it gives.

import type { Socket } from "node:net";
import type { VersionId } from "../../../model/ids.js";
import type { ChildEnd } from "../../../wire/worker/messages.js";
import type { ChildDoor } from "../../../workers/child-door.js";
import type { LoadOrder } from "../../../workers/worker-link.js";
import type { AttemptGroup } from "../../containment/containment.js";
import type { ProcessEvents, RunHandle } from "../../runtimes/runtime.js";

export interface ParentParts {
  readonly uid: number;
  readonly memoryMb: number;
  readonly version: VersionId;
  readonly group: AttemptGroup;
  readonly privateDirectories: readonly string[];
  readonly door: Pick<ChildDoor, "expect">;
  /** How long it stays without a worker. */
  readonly keepMs: number;
  /** Starts its process in the group. Never throws. */
  spawn(directory: string, events: ProcessEvents): RunHandle;
  load(directory: string): LoadOrder;
  /** A worker will be moved into the group of its call; returns what to call after that. */
  expectMove(): () => void;
  /** Called once, when none of its own processes is left; `problem`: why it was of no use. */
  onGone(problem: Problem | null): void;
}

/** `isLasting`: the module cannot be forked, so another parent would be of no use either. */
export interface Problem {
  readonly message: string;
  readonly isLasting: boolean;
}

/** A process's own output, and what its runtime reports: neither waits for the other. */
export type PrintSource = "output" | "report";

/** A worker that waits for its fork. */
export interface ForkOrder {
  readonly directory: string;
  readonly group: AttemptGroup;
  /** false once it was killed. */
  isWanted(): boolean;
  /** Takes what the module prints while it is imported. */
  print(bytes: Buffer, source: PrintSource): void;
}

export interface Forked {
  readonly pid: number;
  readonly protocol: Socket;
  readonly output: Socket;
  /** As its parent saw its end; null if it did not tell. To be called once. */
  takeEnd(): ChildEnd | null;
}

export interface Member {
  /** Whether no call has wanted it yet. */
  standsBy(): boolean;
  /** It must end after its present call. */
  retire(): void;
  /** glean-spawn was killed: nobody supervises it any more. */
  abandon(): void;
}
