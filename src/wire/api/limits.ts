// The limits on requests and answers of the HTTP API, known to both sides.

/** A script of 4 MiB and its environment. */
export const maxRequestBytes = 6 * 1024 * 1024;
/** One of our munge credentials has 200 characters. */
export const maxTokenRequestBytes = 8 * 1024;
/** As many ids as a request may name, and a filter. */
export const maxCancelBytes = 64 * 1024;
/** Requests without a script or ids. */
export const maxSmallRequestBytes = 128 * 1024;
/** As with sbatch: a larger script contains data that belongs into a file. */
export const maxScriptBytes = 4 * 1024 * 1024;
/**
 * Linux rejects more than 2 MiB of arguments and environment together; half of that leaves room.
 */
export const maxEnvironmentBytes = 1024 * 1024;
/** The inputs of one map. */
export const maxMapInputs = 10_000;
/** As many answers of the usual size as one answer of a megabyte holds. */
export const maxAnswersListed = 1_000;
/** Tasks of one question for outcomes; as many ranges of numbers as a request line may have. */
export const maxOutcomesAsked = 10_000;
export const maxTaskListLength = 16 * 1024;
/** A payload of 64 KiB in base64, or as JSON with every character escaped. */
export const maxPayloadTextLength = 6 * 64 * 1024;
/** One answer lists at most this many functions. */
export const maxFunctionsListed = 1_000;
/** The names that one function's versions may have. */
export const maxAliases = 100;
/** One answer lists at most this many invocations. */
export const maxListed = 20_000;
/** One request names at most this many invocations by their ids; a whole array is one id. */
export const maxNamedIds = 1_000;
/**
 * The maximum number of ids at their maximum length (two numbers of ten digits), with commas
 * between them.
 */
export const maxIdsLength = 22 * maxNamedIds;
/**
 * A request line with the longest list of ids, in which a comma takes three bytes; the token and
 * the rest take a few hundred.
 */
export const maxHeadBytes = 32 * 1024;
/** One request names at most this many nodes or host lists. */
export const maxNamedNodes = 1_000;
/** A word of a path, such as a host name of maximum length. */
export const maxWordLength = 255;
/** A large site's host list takes a few kB. */
export const maxHostListLength = 64 * 1024;
/** One answer holds at most this many events of the audit log. */
export const maxAuditListed = 10_000;
/** A client repeats a wait after this time, so that no connection stays open forever. */
export const maxWaitMs = 60_000;
/** A client renews its lease three times in this time: more often would only load gleanerd. */
export const minLeaseTtlMs = 100;
/** The logs of calls in one answer; each has at most 65 kB. */
export const maxLogsListed = 50;
/** The numbers that a client gives its calls on one connection. */
export const maxCallNumber = 2 ** 32 - 1;
