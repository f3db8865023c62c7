// What is known of processes that hang in the kernel of a node, where SIGKILL does not end them.

import type { InvocationId } from "../ids.js";
import type { Resources } from "../resources.js";

export interface UnkillableProcess {
  readonly pid: number;
  /** The invocation it belonged to; null: not known. */
  readonly invocation: InvocationId | null;
  /** Of its program; empty until it was looked at. */
  readonly name: string;
  /** A login name, or the number of one that the node does not know. */
  readonly user: string | null;
  /** The kernel's function that it waits in. */
  readonly waitsIn: string | null;
  /** What its system call works on, and the mount that has it, as in "/home (nfs4 from server:/export)". */
  readonly path: string | null;
  readonly fileSystem: string | null;
}

export interface UnkillableReport {
  /** All of them; `processes` has the first few. */
  readonly count: number;
  readonly processes: readonly UnkillableProcess[];
  /** What the functions they belong to were given: it counts as taken. */
  readonly held: Resources;
}
