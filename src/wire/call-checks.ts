// Validates the parts of messages that concern calls of functions: the order, the answer, the code.

import {
  type CallAnswer,
  type CallPhases,
  type InlinePayload,
  isStored,
  maxInlineBytes,
  maxOrderedBytes,
  maxPayloadBytes,
  type Payload,
  type RemoteError,
  type StoredPayload,
} from "../model/call.js";
import { GleanerError } from "../model/errors.js";
import type { LeaseUsage } from "../model/functions/lease.js";
import { type FunctionRuntime, runtimes } from "../model/functions/settings.js";
import type { BlobHash, VersionId } from "../model/ids.js";
import { attemptKey, attemptKeyFields } from "./attempt-key.js";
import type {
  AheadEndedMessage,
  CallCommand,
  ExtendLeaseMessage,
  LeaseCommand,
  LeaseUsageMessage,
  PieceMessage,
  ServingMessage,
  WarmWorkers,
  WorkerSettings,
} from "./calls.js";
import type { RunTask } from "./orders.js";
import {
  bytes,
  type Check,
  integer,
  list,
  object,
  oneOf,
  optional,
  orNull,
  pattern,
  sentence,
  tagged,
  text,
  truth,
} from "./shape.js";

/** What one call printed, with a line that says how much was dropped. */
export const maxLogBytes = 65 * 1024;
/** One piece of a bundle: several fit into a socket's buffers. */
export const maxPartBytes = 256 * 1024;
/** One piece of an input or a result. */
export const maxPieceBytes = 512 * 1024;
const maxBundleBytes = 64 * 1024 * 1024;
const maxWordLength = 4_096;
const maxSetupLength = 65_536;
/** What is longer is cut off by the executor. */
export const maxTypeLength = 255;
export const maxMessageLength = 8 * 1024;
export const maxStackLength = 32 * 1024;
const maxConcurrency = 1_000;
const maxIdleMs = 2 ** 31 - 1;
/** gleanerd orders at most 128 tasks together (core/placement/task-runs.ts). */
const maxRunTasks = 1_024;

/** A reason is one sentence. */
export const reason = sentence(1_000);
export const version = pattern(/^[0-9a-f]{64}$/) as Check<string> as Check<VersionId>;
const path = pattern(/^\/[^\0]{0,4095}$/);

const inlinePayload = (maxBytes: number) =>
  object<InlinePayload>({ contentType: text(maxTypeLength), body: bytes(maxBytes) });
const storedPayload = object<StoredPayload>({
  contentType: text(maxTypeLength),
  blob: pattern(/^[0-9a-f]{64}$/) as Check<string> as Check<BlobHash>,
  bytes: integer(0, maxPayloadBytes),
});
const payloadOf =
  (inline: Check<InlinePayload>): Check<Payload> =>
  (value, at) =>
    typeof value === "object" && value !== null && isStored(value as Payload)
      ? storedPayload(value, at)
      : inline(value, at);
const callInput = payloadOf(inlinePayload(maxOrderedBytes));
export const runTasks = list(
  object<RunTask>({ invocation: attemptKeyFields.invocation, input: callInput }),
  maxRunTasks,
);
const result = payloadOf(inlinePayload(maxInlineBytes));

const settings = object<WorkerSettings>({
  runtime: oneOf<FunctionRuntime>(...runtimes),
  handler: orNull(text(maxWordLength)),
  concurrency: integer(1, maxConcurrency),
  fork: truth,
  python: orNull(path),
  setup: orNull(text(maxSetupLength)),
  image: orNull(path),
  idleTimeoutMs: orNull(integer(0, maxIdleMs)),
});

/** A day. */
const maxLeaseMs = 86_400_000;
const leaseKeyBytes = 32;
const lease = object<LeaseCommand>({
  hotMs: integer(-1, maxLeaseMs),
  ttlMs: integer(1, maxLeaseMs),
  idleMs: integer(0, maxLeaseMs),
  key: (value, at) => {
    const key = bytes(leaseKeyBytes)(value, at);
    if (key.length === leaseKeyBytes) return key;
    throw new GleanerError("PROTOCOL", `${at} must be ${leaseKeyBytes} bytes`);
  },
  ports: pattern(/^(0|\d{1,5}-\d{1,5})$/),
  ofiProvider: optional(pattern(/^[A-Za-z0-9_;-]{1,63}$/)),
});

export const callCommand = object<CallCommand>({
  kind: oneOf("call"),
  function: text(maxWordLength),
  version,
  bundleBytes: integer(0, maxBundleBytes),
  settings,
  isCheck: truth,
  input: callInput,
  lease: optional(lease),
});

const total = integer(0);
const usage = { calls: total, busyMs: total, spinMs: total };
export const leaseUsage = object<LeaseUsage>(usage);

/** Executors let a worker have 64 clients by default. */
const maxClients = 65_536;
/** The messages about leases; the key's check is the attempt's. */
export const leaseMessages = {
  serving: object<ServingMessage>({
    type: oneOf("serving"),
    key: attemptKey,
    port: integer(1, 65_535),
    socket: pattern(/^[\x21-\x7e]{1,107}$/),
    hostId: pattern(/^[0-9a-f-]{36}$/),
  }),
  leaseUsage: object<LeaseUsageMessage>({
    type: oneOf("leaseUsage"),
    key: attemptKey,
    clients: integer(0, maxClients),
    ...usage,
  }),
};
export const extendLease = object<ExtendLeaseMessage>({
  type: oneOf("extendLease"),
  key: attemptKey,
  inMs: integer(0, maxLeaseMs),
});

const error = object<RemoteError>({
  type: text(maxTypeLength),
  message: text(maxMessageLength),
  stack: orNull(text(maxStackLength)),
});

export const answer: Check<CallAnswer> = tagged<CallAnswer>("kind", {
  result: object({ kind: oneOf("result"), payload: result }),
  exception: object({ kind: oneOf("exception"), error }),
  notLoaded: object({ kind: oneOf("notLoaded"), error }),
});

/** The kinds of idle workers on one node: executors keep at most 256 workers. */
const maxWarmKinds = 256;
const maxCount = 65_536;

const workerKind = {
  uid: integer(0, 4_294_967_295),
  version,
  cores: integer(1, maxCount),
  memoryMb: integer(1),
  gpus: integer(0, maxCount),
};

export const warmWorkers = list(
  object<WarmWorkers>({ ...workerKind, count: integer(1, maxCount) }),
  maxWarmKinds,
);

export const aheadEnded = object<AheadEndedMessage>({
  type: oneOf("aheadEnded"),
  worker: object(workerKind),
  why: oneOf("noRoom", "gone", "failed"),
});

/** `bundlePart`, less its type. */
export const bundlePart = {
  version,
  offset: integer(0, maxBundleBytes),
  bytes: bytes(maxPartBytes),
  isLast: truth,
};

const offset = integer(0, maxPayloadBytes);
export const pieceMessages = {
  fetchPiece: object<Extract<PieceMessage, { type: "fetchPiece" }>>({
    type: oneOf("fetchPiece"),
    key: attemptKey,
    offset,
    wantedBytes: integer(1, maxPieceBytes),
  }),
  piece: object<Extract<PieceMessage, { type: "piece" }>>({
    type: oneOf("piece"),
    key: attemptKey,
    offset,
    bytes: bytes(maxPieceBytes),
  }),
  noPiece: object<Extract<PieceMessage, { type: "noPiece" }>>({
    type: oneOf("noPiece"),
    key: attemptKey,
    reason,
  }),
};

const phaseMs = integer(0, maxIdleMs);
export const phases = object<CallPhases>({
  fetchMs: phaseMs,
  startMs: phaseMs,
  loadMs: phaseMs,
  runMs: phaseMs,
});
