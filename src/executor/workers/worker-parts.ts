// What a worker needs of its node, and what is known of the call or the lease in it.

import type { AttemptKey } from "../../wire/attempt-key.js";
import type { WorkerSettings } from "../../wire/calls.js";
import type { RunEvents, RunHandle } from "../runtimes/runtime.js";
import type { Payloads } from "./payloads/payloads.js";
import type { StartEvents } from "./standby/forked-start.js";
import type { Leases } from "./work/leases.js";
import type { Work } from "./work/work.js";

export interface WorkerParts {
  readonly settings: WorkerSettings;
  /** Fetches the version's code to this node; resolves with its folder. */
  readonly code: () => Promise<string>;
  readonly payloads: Pick<Payloads, "inputOf" | "sinkFor" | "logs">;
  readonly leases: Pick<Leases, "open">;
  /** Starts the process in the group, from which `connected` and `prints` follow. */
  readonly spawn: (directory: string, events: StartEvents) => RunHandle;
  /** Variables that its process does not have yet. */
  readonly environment: Readonly<Record<string, string>> | undefined;
  /** It was started ahead, and waits for a call. */
  readonly onReady: () => void;
  /** The process is gone. */
  readonly onGone: () => void;
}

export interface WorkerEvents {
  /** Its process is gone. */
  onGone(): void;
  /** Only for one that is started ahead: it waits for a call. */
  readonly onReady?: () => void;
}

/** The call or the lease in a worker. */
export interface Running {
  readonly key: AttemptKey;
  readonly work: Work;
  readonly events: RunEvents;
  /** From when it holds its cores; null until the worker has a process. */
  startNs: bigint | null;
  cpuMsBefore: number;
  /** It was sent to the worker. */
  hasBegun: boolean;
}
