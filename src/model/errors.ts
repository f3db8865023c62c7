// The errors people see: each has a code, one sentence that says what to do, and its cause kept.

export type ErrorCode =
  | "BAD_REQUEST" // the user asked for something that cannot be
  | "NOT_IDENTIFIED" // no credential, or one that does not hold
  | "NOT_ALLOWED" // identified, but not theirs to do
  | "NOT_FOUND"
  | "LIMIT_REACHED" // a named limit of the site or the program
  | "CONFIG" // the configuration file is wrong
  | "SLURM" // a Slurm command failed, hung, or said something we cannot read
  | "LAUNCH" // an executor could not be started
  | "PROTOCOL" // a peer sent what the protocol does not allow
  | "STORE" // the database refused
  | "UNREACHABLE"; // the daemon, a host or a socket does not answer

/** One sentence for a person, a code for a program. `message` ends without a stack and names what to do. */
export class GleanerError extends Error {
  override readonly name = "GleanerError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** A broken invariant: always a bug of ours, never the user's fault. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stops at a broken invariant; `what` says which one. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new AssertionError(`invariant broken: ${what}`);
}

/** The kernel's number of what was thrown; 0: it has none. */
export function errnoOf(thrown: unknown): number {
  const { errno } = thrown as { errno?: unknown };
  return typeof errno === "number" ? Math.abs(errno) : 0;
}

/** The message of anything that was thrown, for logs and for sentences that quote a cause. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
