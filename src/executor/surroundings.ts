// What the executor calls outside itself; tests and pilots replace parts of it.

import type { PassOn } from "./attempts/preempt-signal.js";
import type { HungGroup } from "./containment/unkillable.js";
import type { Spawning } from "./runtimes/spawner.js";
import type { BundleCache } from "./workers/bundle-cache.js";
import type { Payloads } from "./workers/payloads/payloads.js";
import type { Leases } from "./workers/work/leases.js";
import type { Workers } from "./workers/workers.js";

export interface Surroundings {
  /** Called once, when none of the executor's work is left and the process may exit. */
  readonly gone: (reason: string) => void;
  /**
   * An attempt hangs in the kernel. Before it returns, it must repeat the daemon's order less what
   * the attempt holds. Omitted where nobody can tell that an attempt hangs.
   */
  readonly hung?: (group: HungGroup) => void;
  readonly spawner: Spawning;
  /** Whether the node lacks this much memory; see node/memory.ts. */
  readonly isNodeShortOf: (memoryMb: number) => boolean;
  /** Variables by which commands find the srun of functions; omitted where there is none. */
  readonly steps?: (environment: Readonly<Record<string, string>>) => Record<string, string>;
  readonly pass?: PassOn;
  /**
   * The path of the program that carries the streams of an attached command; throws if it cannot be
   * put where users may run it. Omitted where none is ordered.
   */
  readonly attachProgram?: () => string;
  /** Omitted where no calls are ordered. */
  readonly workers?: Workers;
  readonly code?: Pick<BundleCache, "arrived" | "disconnected">;
  readonly leases?: Pick<Leases, "connected" | "extend" | "foresee">;
  readonly payloads?: Pick<Payloads, "heard" | "connected" | "ended" | "forget">;
}
