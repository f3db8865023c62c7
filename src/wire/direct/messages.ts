// The messages of the direct path beside calls and answers, and how each stands in its frame.

import { decodeFields, encodeFields, requiredField } from "../worker/fields.js";
import { FrameError } from "../worker/framing.js";
import { cut } from "../worker/messages.js";
import { hotMsField, matching, requiredNumber, workerField } from "../worker/serving.js";

/** The version of the direct path that this build speaks. */
const directVersion = 1;

export interface ClientHello {
  /** INVOCATION.ATTEMPT. */
  readonly worker: string;
  readonly nonce: string;
}
export interface WorkerHello {
  readonly nonce: string;
  readonly proof: string;
}

/** What a client may do that has proven the key. */
export interface Accepted {
  /** How many calls the worker runs at once. */
  readonly concurrency: number;
  /** A call beyond this many without an answer is answered with busy. */
  readonly maxInFlight: number;
  readonly hotMs: number;
  readonly runtime: string;
}

export const refusals = ["NOT_PROVEN", "FULL", "ENDED", "PROTOCOL"] as const;
export type Refusal = (typeof refusals)[number];
export interface Refused {
  readonly code: Refusal;
  readonly reason: string;
}

const maxReasonBytes = 512;
const hexPattern = /^[0-9a-f]{64}$/;
const runtimePattern = /^[a-z][a-z0-9._-]{0,63}$/;

export const encodeClientHello = (hello: ClientHello): Buffer =>
  encodeFields({ version: directVersion, ...hello });
/** Throws for a version other than this one. */
export function decodeClientHello(payload: Uint8Array): ClientHello {
  const fields = decodeFields(payload);
  checkVersion(requiredNumber(fields, "version"));
  return { worker: workerField(fields), nonce: matching(fields, "nonce", hexPattern) };
}

export const encodeWorkerHello = (hello: WorkerHello): Buffer =>
  encodeFields({ version: directVersion, ...hello });
export function decodeWorkerHello(payload: Uint8Array): WorkerHello {
  const fields = decodeFields(payload);
  checkVersion(requiredNumber(fields, "version"));
  return {
    nonce: matching(fields, "nonce", hexPattern),
    proof: matching(fields, "proof", hexPattern),
  };
}

export const encodeClientProof = (proof: string): Buffer => encodeFields({ proof });
export const decodeClientProof = (payload: Uint8Array): string =>
  matching(decodeFields(payload), "proof", hexPattern);

export const encodeAccepted = (accepted: Accepted): Buffer => encodeFields({ ...accepted });
export function decodeAccepted(payload: Uint8Array): Accepted {
  const fields = decodeFields(payload);
  const maxInFlight = requiredNumber(fields, "maxInFlight");
  if (maxInFlight < 1) throw new FrameError("GARBAGE", "maxInFlight is 0");
  return {
    concurrency: requiredNumber(fields, "concurrency"),
    maxInFlight,
    hotMs: hotMsField(fields),
    runtime: matching(fields, "runtime", runtimePattern),
  };
}

export const encodeRefused = ({ code, reason }: Refused): Buffer =>
  encodeFields({ code, reason: cut(reason, maxReasonBytes) });
export function decodeRefused(payload: Uint8Array): Refused {
  const fields = decodeFields(payload);
  const code = refusals.find((each) => each === fields.code);
  if (code === undefined) throw new FrameError("GARBAGE", "a refusal has an unknown code");
  return { code, reason: requiredField(fields, "reason") };
}

/** `bye` and `ended` have it. */
export const encodeReason = (reason: string): Buffer =>
  encodeFields({ reason: cut(reason, maxReasonBytes) });
export const decodeReason = (payload: Uint8Array): string => decodeFields(payload).reason ?? "";

function checkVersion(version: number): void {
  if (version !== directVersion)
    throw new FrameError(
      "GARBAGE",
      `the peer speaks version ${version} of the direct path and this program ${directVersion}: install the same release on both sides`,
    );
}
