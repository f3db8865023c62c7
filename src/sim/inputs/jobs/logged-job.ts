// A job as a log has it, and the machines on which the user says it ran.

import type { TraceNode } from "../../site/trace.js";
import type { MachineGroup } from "../machines.js";
import type { Run } from "../window.js";

/** The part of one node that one job used. */
export interface NodeShare {
  readonly node: string;
  readonly cores: number;
}

export interface LoggedJob extends Run {
  readonly cores: number;
  /**
   * On all its nodes together; null if unknown: then the same part of each node's memory as of its
   * cores.
   */
  readonly memoryMb: number | null;
  /** null if the log does not say. */
  readonly shares: readonly NodeShare[] | null;
  /** Whether the log names only the nodes, and `shares` are an even spread over them. */
  readonly isSpread: boolean;
  /** The number of its line, from 1. */
  readonly line: number;
}

/** The machines that the user described. */
export interface MachineWish {
  /** null if none are given: then the nodes that the log names. */
  readonly groups: readonly MachineGroup[] | null;
  /** The nodes by name; if omitted or null, their names are unknown. */
  readonly named?: readonly TraceNode[] | null;
  /** Nodes of which the memory is a guess; if omitted, none. */
  readonly guessedMemory?: number;
  /** Memory per core, in MB, on a node whose memory is not given. */
  readonly memoryPerCoreMb: number;
}

/** Takes one share of a job. */
export type PlacedShares = (node: number, cores: number, memoryMb: number, job: Run) => void;
