// The errors that people see: each has a code, one sentence that says what to do, and its cause.

export type ErrorCode =
  | "BAD_REQUEST" // the user requested something impossible
  | "NOT_IDENTIFIED" // no credential, or an invalid one
  | "NOT_ALLOWED" // identified, but not permitted
  | "NOT_FOUND"
  | "LIMIT_REACHED" // a named limit of the site or of the program
  | "LEASE_NOT_GRANTED" // too few workers within the time that its client waits
  | "CONFIG" // the configuration file is invalid
  | "SLURM" // a Slurm command failed, hung, or printed something unreadable
  | "LAUNCH" // an executor could not start
  | "PROTOCOL" // a peer violated the protocol
  | "STORE" // the database failed
  | "UNREACHABLE"; // the daemon, a host or a socket does not answer

/** One sentence for people, a code for programs. `message` has no stack and says what to do. */
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

/** A broken invariant: always a bug in Gleaner, never the user's fault. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws if an invariant is broken; `what` names it. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new AssertionError(`invariant broken: ${what}`);
}

/** The kernel's error number of a thrown value; 0 if it has none. */
export function errnoOf(thrown: unknown): number {
  const { errno } = fieldsOf(thrown);
  return typeof errno === "number" ? Math.abs(errno) : 0;
}

/** The code of a thrown value, such as ENOENT or NOT_FOUND; undefined if it has none. */
export function errorCodeOf(thrown: unknown): string | undefined {
  const { code } = fieldsOf(thrown);
  return typeof code === "string" ? code : undefined;
}

const fieldsOf = (thrown: unknown): { readonly code?: unknown; readonly errno?: unknown } =>
  typeof thrown === "object" && thrown !== null ? thrown : {};

/** The message of any thrown value, for logs and for messages that quote a cause. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
