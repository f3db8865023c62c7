// What the books know of one attempt and of one invocation.

import type { InvocationId, NodeName } from "../../../src/model/ids.js";
import type { AttemptEnd, InvocationState } from "../../../src/model/invocation.js";

export interface Ending {
  readonly wallMs: number;
  /** Its part of that, if it ran in a worker. */
  readonly shareMs?: number;
  readonly exitCode: number;
  readonly signal: number;
  readonly oomKills: number;
  /** If omitted, none. */
  readonly cpuMs?: number;
}

/** One attempt as the world saw it. */
export interface Run {
  readonly cores: number;
  readonly memoryMb: number;
  ending: Ending | null;
}

interface Begun {
  readonly node: string;
  readonly executor: string;
  readonly begunAtMs: number;
}

/** One invocation as the committed writes have it. */
export interface Account {
  /** Its array's id, else its own: who cancels that cancels it. */
  readonly array: InvocationId;
  readonly cores: number;
  readonly memoryMb: number;
  readonly user: string;
  /** The lowest that it ever had. */
  timeLimitMs: number;
  /** Its lease's; null if it is none. */
  readonly hotMs: number | null;
  state: "waiting" | "running" | InvocationState;
  attempt: number;
  /** Where its newest attempt is, and since when its intent is durable. */
  begun: Begun | null;
  /** The ends of its attempts, in order. */
  readonly ends: AttemptEnd[];
  /** Where its attempts were, in order. */
  readonly nodes: NodeName[];
  /** The attempts that could not be started, as their nodes say: some are on record as LOST. */
  readonly unstarted: Set<number>;
}
