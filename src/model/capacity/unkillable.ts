// Processes that hang in a node's kernel, where SIGKILL does not end them.

import type { InvocationId } from "../ids.js";
import type { Resources } from "../resources.js";

export interface UnkillableProcess {
  readonly pid: number;
  /** The invocation that it belonged to; null if unknown. */
  readonly invocation: InvocationId | null;
  /** The name of its program; empty until the executor has looked it up. */
  readonly name: string;
  /** A login name, or a uid that the node cannot resolve. */
  readonly user: string | null;
  /** The kernel function in which it waits. */
  readonly waitsIn: string | null;
  /**
   * The path that its system call works on, and the mount that holds it, such as "/home (nfs4 from
   * server:/export)".
   */
  readonly path: string | null;
  readonly fileSystem: string | null;
}

export interface UnkillableReport {
  /** The number of all of them; `processes` holds the first few. */
  readonly count: number;
  readonly processes: readonly UnkillableProcess[];
  /** The resources of the functions that they belong to, which count as taken. */
  readonly held: Resources;
}
