// What a worker needs of its node.

import type { CallPhases } from "../../model/call.js";
import type { LeaseUsage } from "../../model/functions/lease.js";
import type { WorkerSettings } from "../../wire/calls.js";
import type { WorkerFailure } from "../../workers/worker-failure.js";
import type { RunHandle } from "../runtimes/runtime.js";
import type { Payloads } from "./payloads/payloads.js";
import type { FirstStart } from "./seats/first-start.js";
import type { StartEvents } from "./standby/forked-start.js";
import type { Leases } from "./work/leases.js";

export interface WorkerParts {
  readonly settings: WorkerSettings;
  /** Fetches the version's code to this node; resolves with its folder. */
  readonly code: () => Promise<string>;
  readonly payloads: Pick<Payloads, "inputOf" | "sinkFor" | "logs">;
  readonly leases: Pick<Leases, "open">;
  /** What its parent printed for it. */
  readonly first?: FirstStart;
  /** Starts the process in the group, from which `connected` and `prints` follow. */
  readonly spawn: (directory: string, events: StartEvents) => RunHandle;
  /** Variables that its process does not have yet. */
  readonly environment: Readonly<Record<string, string>> | undefined;
  /** It was started ahead, and waits for a call. */
  readonly onReady: () => void;
  /** It broke its protocol or its connection, and gets no other call. */
  readonly onBroken: (failure: WorkerFailure) => void;
  /** The process is gone. */
  readonly onGone: () => void;
}

export interface WorkerEvents {
  /** Its process is gone. */
  onGone(): void;
  /** Only for one that is started ahead: it waits for a call. */
  readonly onReady?: () => void;
}

/** One call or lease in a worker. */
export interface RunInWorker extends RunHandle {
  /** What it has printed so far; null if nothing. */
  printed(): Uint8Array | null;
  /** The start of its worker; null unless the worker was started for it. */
  takePhases(): CallPhases | null;
  /** What the worker said of itself; null after a call. */
  leaseUsage(): LeaseUsage | null;
}
