// Turns a call of a function into a submission, which waits, runs and is billed like any other.

import { inlineBytes, maxInlineBytes, type Payload } from "../../model/call.js";
import { assert, GleanerError } from "../../model/errors.js";
import type { LeaseTerms } from "../../model/functions/lease.js";
import type { FunctionSettings } from "../../model/functions/settings.js";
import type { VersionId } from "../../model/ids.js";
import type { Identity } from "../../model/invocation.js";
import type { AskedSubmission } from "./admission.js";

/** The version that is called. */
export interface CalledVersion {
  readonly owner: { readonly uid: number; readonly user: string };
  readonly name: string;
  readonly version: VersionId;
  /** The size of its bundle. */
  readonly bytes: number;
  readonly settings: FunctionSettings;
}

/**
 * `tasks`: the number of inputs of a map; null for one call. Throws BAD_REQUEST if the time limit
 * is longer than the function's.
 */
export function askedCall(
  { name, owner, version, bytes, settings }: CalledVersion,
  caller: Pick<Identity, "uid">,
  asked: { readonly timeLimitMs: number | null; readonly tasks: number | null },
): AskedSubmission {
  const timeLimitMs = asked.timeLimitMs ?? settings.timeLimitMs;
  if (timeLimitMs > settings.timeLimitMs)
    throw new GleanerError(
      "BAD_REQUEST",
      `the time limit of ${timeLimitMs} ms exceeds the function's ${settings.timeLimitMs} ms: ask for less, or deploy the function with a longer one`,
    );
  const { cores, memoryMb, gpus } = settings;
  return {
    name: labelFor({ owner, name }, caller),
    command: {
      kind: "call",
      function: `${owner.user}/${name}`,
      version,
      bundleBytes: bytes,
      settings,
    },
    cores,
    memoryMb,
    memoryPerCoreMb: null,
    gpus,
    timeLimitMs,
    workingDirectory: "/",
    stdoutPattern: "/dev/null",
    stderrPattern: null,
    environment: {},
    arrayTasks: asked.tasks === null ? null : [{ from: 0, to: asked.tasks - 1, step: 1 }],
    notice: null,
    checkpoint: false,
  };
}

/** What a caller's calls are named in lists and logs: one's own functions need no owner. */
export const labelFor = (
  { owner, name }: Pick<CalledVersion, "owner" | "name">,
  { uid }: Pick<Identity, "uid">,
): string => (owner.uid === uid ? name : `${owner.user}/${name}`);

/** A call that only loads the handler, by another name than calls, whose run times are learned. */
export function askedCheck(called: CalledVersion, verb: "check" | "warm"): AskedSubmission {
  const asked = askedCall(called, called.owner, { timeLimitMs: null, tasks: null });
  const { command } = asked;
  assert(command.kind === "call", "a call's command is a call");
  return { ...asked, name: `${verb} ${called.name}`, command: { ...command, isCheck: true } };
}

/** Workers that serve clients; cores and memory are of each, and null means the function's. */
export function askedLease(
  called: CalledVersion,
  caller: Pick<Identity, "uid">,
  asked: {
    readonly workers: number;
    readonly cores: number | null;
    readonly memoryMb: number | null;
    readonly timeLimitMs: number;
    readonly terms: LeaseTerms;
  },
): AskedSubmission {
  const call = askedCall(called, caller, { timeLimitMs: null, tasks: asked.workers });
  const { command } = call;
  assert(command.kind === "call", "a call's command is a call");
  return {
    ...call,
    name: `${leaseName}${call.name}`,
    command: { ...command, lease: asked.terms },
    cores: asked.cores ?? call.cores,
    memoryMb: asked.memoryMb ?? call.memoryMb,
    timeLimitMs: asked.timeLimitMs,
  };
}

/** The name of a lease has this before its function's: their run times are learned apart. */
const leaseName = "lease ";
export const functionOfLease = (name: string): string => name.slice(leaseName.length);

/** Throws LIMIT_REACHED if an input is too large to be in a request. */
export function checkInputs(inputs: readonly Payload[]): void {
  inputs.forEach((input, at) => {
    const bytes = inlineBytes(input);
    if (bytes > maxInlineBytes)
      throw new GleanerError(
        "LIMIT_REACHED",
        `input ${at} has ${bytes} bytes and the limit is ${maxInlineBytes}: send it as a content first (PUT /v1/blobs), and name its hash`,
      );
  });
}
