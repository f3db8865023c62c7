// What gleanerd and executors say of calls: the call itself, and the code that it needs.

import type { Payload, WorkerKind } from "../model/call.js";
import type { LeaseTerms, LeaseUsage, ServingAt } from "../model/functions/lease.js";
import type { FunctionSettings } from "../model/functions/settings.js";
import type { VersionId } from "../model/ids.js";
import type { AttemptKey } from "./attempt-key.js";

/** One call of a function, for a worker that is warm or has to be started. */
export interface CallCommand {
  readonly kind: "call";
  /** For people: `ada/tile`. */
  readonly function: string;
  readonly version: VersionId;
  readonly bundleBytes: number;
  readonly settings: WorkerSettings;
  /** Loads the handler and answers nothing, so that a deploy learns whether it can. */
  readonly isCheck: boolean;
  /** Without content for a lease. */
  readonly input: Payload;
  /** If omitted, the worker gets the input; else it serves clients until the attempt ends. */
  readonly lease?: LeaseCommand | undefined;
}

/** How a worker serves clients. */
export interface LeaseCommand extends LeaseTerms {
  /** 32 bytes that client and worker prove to each other. */
  readonly key: Uint8Array;
  /** The ports that it may listen on: `0` for any, or `50000-50100`. */
  readonly ports: string;
  /** The provider of libfabric that it may use as well. */
  readonly ofiProvider?: string | undefined;
}

/** The worker of a leased attempt serves; sent again after each `ready`. */
export interface ServingMessage extends ServingAt {
  readonly type: "serving";
  readonly key: AttemptKey;
}

/** At most once a second for each leased attempt. */
export interface LeaseUsageMessage extends LeaseUsage {
  readonly type: "leaseUsage";
  readonly key: AttemptKey;
  /** Those connected and proven now. */
  readonly clients: number;
}

/** The lease of the attempt was renewed: it ends `inMs` from now unless that is said again. */
export interface ExtendLeaseMessage {
  readonly type: "extendLease";
  readonly key: AttemptKey;
  readonly inMs: number;
}

/** The part of a version's settings that its workers need. */
export type WorkerSettings = Pick<
  FunctionSettings,
  "runtime" | "handler" | "concurrency" | "fork" | "python" | "setup" | "image" | "idleTimeoutMs"
>;

/** What gleanerd answers to `fetchBundle`: the bundle in pieces, in order, or why there is none. */
export type BundleMessage =
  | {
      readonly type: "bundlePart";
      readonly version: VersionId;
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly isLast: boolean;
    }
  | {
      readonly type: "bundleRefused";
      readonly version: VersionId;
      readonly reason: string;
      /** gleanerd cannot read it; else nothing is ordered that needs it. */
      readonly isLost: boolean;
    };

/**
 * How payloads over 64 KiB travel: whoever needs one asks for it piece by piece. An executor asks
 * for the input of an attempt that it was ordered to run, gleanerd for the result in a report.
 */
export type PieceMessage =
  | ({ readonly type: "fetchPiece" } & WantedPiece)
  | {
      readonly type: "piece";
      readonly key: AttemptKey;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: "noPiece"; readonly key: AttemptKey; readonly reason: string };

export interface WantedPiece {
  readonly key: AttemptKey;
  readonly offset: number;
  readonly wantedBytes: number;
}

/** Asks for what a running call has printed so far. */
export interface FetchLogMessage {
  readonly type: "fetchLog";
  readonly key: AttemptKey;
}
/** Empty also if the call does not run there. */
export interface LogSoFarMessage {
  readonly type: "logSoFar";
  readonly key: AttemptKey;
  readonly bytes: Uint8Array;
}

/** The idle workers of one kind on a node. */
export interface WarmWorkers extends WorkerKind {
  readonly count: number;
}

/** A worker that was to be started ahead will not be ready. */
export interface AheadEndedMessage {
  readonly type: "aheadEnded";
  readonly worker: WorkerKind;
  /**
   * `noRoom`: it was not started; `gone`: something else needs its room; `failed`: its code could
   * not be had or loaded.
   */
  readonly why: "noRoom" | "gone" | "failed";
}

/** What gleanerd sends to executors about their workers, beside orders. */
export type MessageToWorkers = BundleMessage | PieceMessage | FetchLogMessage | ExtendLeaseMessage;
/** What executors send about their workers, beside reports. */
export type MessageOfWorkers = PieceMessage | LogSoFarMessage | ServingMessage | LeaseUsageMessage;
