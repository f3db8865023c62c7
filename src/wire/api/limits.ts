// The limits on requests and answers of the HTTP API, which both sides know.

/** A script of 4 MiB and its environment. */
export const maxRequestBytes = 6 * 1024 * 1024;
/** A munge credential of ours is 200 characters. */
export const maxTokenRequestBytes = 8 * 1024;
/** As many ids as may be named, and a filter. */
export const maxCancelBytes = 64 * 1024;
/** Requests without a script or ids. */
export const maxSmallRequestBytes = 128 * 1024;
/** As sbatch: larger scripts are data in the wrong place. */
export const maxScriptBytes = 4 * 1024 * 1024;
/** Linux refuses more than 2 MiB of arguments and environment together; half of it leaves room. */
export const maxEnvironmentBytes = 1024 * 1024;
/** One answer lists at most this many invocations. */
export const maxListed = 20_000;
/** One request names at most this many invocations by their ids; a whole array is one id. */
export const maxNamedIds = 1_000;
/** As many ids at their longest (two numbers of ten digits), with the commas between them. */
export const maxIdsLength = 22 * maxNamedIds;
/** A request line with the longest list of ids, where a comma takes three bytes; the token and the rest are a few hundred. */
export const maxHeadBytes = 32 * 1024;
/** One request names at most this many nodes or host lists. */
export const maxNamedNodes = 1_000;
/** A word of a path: a host's name at its longest. */
export const maxWordLength = 255;
/** A host list of a large site is a few kB. */
export const maxHostListLength = 64 * 1024;
/** One answer holds at most this many events of the audit log. */
export const maxAuditListed = 10_000;
/** A wait is asked again after this long, so that no connection hangs for ever. */
export const maxWaitMs = 60_000;
