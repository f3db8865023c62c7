// A call of a function: its answer as the worker gave it, and its payloads.

import type { BlobHash, VersionId } from "./ids.js";
import type { ResourceRequest } from "./resources.js";

/** A worker serves calls of one user, one version and one size. */
export interface WorkerKind extends ResourceRequest {
  readonly uid: number;
  readonly version: VersionId;
}

export const workerKey = ({ uid, version, cores, memoryMb, gpus }: WorkerKind): string =>
  `${uid}/${version}/${cores}/${memoryMb}/${gpus}`;

/** A larger payload would slow every other message on the way: most travel in pieces. */
export const maxInlineBytes = 64 * 1024;
/** Up to this size an input that is in gleanerd's memory goes with its order all the same. */
export const maxOrderedBytes = 1024 * 1024;
/** The largest input or result; more belongs into a file on a shared file system. */
export const maxPayloadBytes = 64 * 1024 * 1024;

/** Bytes with a content type, as they go in and come out. */
export type Payload = InlinePayload | StoredPayload;

export interface InlinePayload {
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** A payload over `maxInlineBytes`, which gleanerd keeps by its hash. */
export interface StoredPayload {
  readonly contentType: string;
  readonly blob: BlobHash;
  readonly bytes: number;
}

export const isStored = (payload: Payload): payload is StoredPayload => "blob" in payload;

/** What a record or a message holds of it. */
export const inlineBytes = (payload: Payload): number =>
  isStored(payload) ? 0 : payload.body.length;

/** The result that gleanerd keeps, or is to keep, by its hash; null if there is none. */
export const storedResult = (answer: CallAnswer | null | undefined): StoredPayload | null =>
  answer?.kind === "result" && isStored(answer.payload) ? answer.payload : null;

/** An error of the user's code, in the words of its language. */
export interface RemoteError {
  readonly type: string;
  readonly message: string;
  /** Frames of the user's code only; null if the language gave none. */
  readonly stack: string | null;
}

/** A call that found no warm worker: what its phases took, in turn, as far as it came. */
export interface CallPhases {
  /** Until the code was on the node. */
  readonly fetchMs: number;
  /** Until the worker's process spoke. */
  readonly startMs: number;
  /** Until it had loaded the handler. */
  readonly loadMs: number;
  /** Until the call ended. */
  readonly runMs: number;
}

/** How a worker answered a call. */
export type CallAnswer =
  | { readonly kind: "result"; readonly payload: Payload }
  /** The handler threw, or its process ended before it answered. */
  | { readonly kind: "exception"; readonly error: RemoteError }
  /** The function's code could not be loaded, so no handler ran. */
  | { readonly kind: "notLoaded"; readonly error: RemoteError };

/** `ValueError: no such column`, as languages print it. */
export const titleOf = ({ type, message }: Omit<RemoteError, "stack">): string =>
  message === "" ? type : `${type}: ${message}`;

/** The title as one sentence for lists. */
export const sentenceOf = (error: RemoteError): string =>
  titleOf(error).replace(/\s+/g, " ").slice(0, maxSentence);

const maxSentence = 500;
