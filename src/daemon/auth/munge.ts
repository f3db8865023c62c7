// Identifies clients: decodes each munge credential once; later requests carry a short-lived token.

import { GleanerError } from "../../model/errors.js";
import type { Identity } from "../../model/invocation.js";
import { labelOf } from "../../model/user.js";
import { asBuffer, type RunProgram, runAsChild } from "../../processes/run.js";
import { readUnmunge, readUnmungeError, rejectionKeys } from "../../wire/munge/unmunge.js";

/** A munge credential has ~150 characters without a payload, ~350 with ours. */
const maxCredentialCharacters = 4_096;
/** munged answers within a millisecond; a hung one must not delay requests. */
const unmungeTimeoutMs = 5_000;
const maxOutputBytes = 16_384;
const maxErrorBytes = 500;

/** What munge vouches for: the credential's author and payload. */
export interface Vouched {
  readonly identity: Identity;
  readonly payload: string;
}

export class MungeAuthenticator {
  constructor(
    private readonly socket: string | null,
    private readonly runProgram: RunProgram = runAsChild,
  ) {}

  /** Throws NOT_IDENTIFIED with munge's own reason. */
  async identify(credential: string): Promise<Vouched> {
    if (credential.length > maxCredentialCharacters || !/^MUNGE:[A-Za-z0-9+/=]+:$/.test(credential))
      throw new GleanerError(
        "NOT_IDENTIFIED",
        "the request contains no munge credential: create one with munge",
      );
    const output = await runUnmunge(this.socket, credential, this.runProgram);
    return parseUnmunge(output);
  }
}

/** Reads unmunge's output. */
export function parseUnmunge(output: string): Vouched {
  const { fieldOf, payload, rejection } = readUnmunge(output);
  if (rejection !== null)
    throw new GleanerError("NOT_IDENTIFIED", `munge rejected the credential: ${rejection}`);
  const user = /^(.*) \((\d{1,10})\)$/.exec(fieldOf("UID"));
  const group = /^.* \((\d{1,10})\)$/.exec(fieldOf("GID"));
  if (user === null || group === null)
    throw new GleanerError(
      "NOT_IDENTIFIED",
      "munge named no user: check that its version is supported",
    );
  const uid = Number(user[2]);
  const identity = { user: labelOf(user[1]!, uid), uid, gid: Number(group[1]) };
  return { identity, payload };
}

async function runUnmunge(
  socket: string | null,
  credential: string,
  runProgram: RunProgram,
): Promise<string> {
  const args = [
    `--keys=${rejectionKeys},UID,GID`,
    ...(socket === null ? [] : [`--socket=${socket}`]),
  ];
  const end = await runProgram({
    program: "unmunge",
    args,
    environment: null,
    input: credential,
    timeoutMs: unmungeTimeoutMs,
    maxOutputBytes,
    maxErrorBytes,
  });
  if (end.how === "notStarted")
    throw new GleanerError(
      "UNREACHABLE",
      `cannot run unmunge (${end.reason}): ${end.advice ?? "install munge beside gleanerd"}`,
    );
  if (end.how !== "exited") throw withoutStatus(null, "");
  // It exits with munge's status, which the output names too, unless the credential could not be
  // read.
  const output = asBuffer(end.stdout).toString("utf8");
  if (output.includes("STATUS:")) return output;
  throw withoutStatus(end.exitCode, asBuffer(end.stderr).toString("utf8"));
}

function withoutStatus(exitCode: number | null, said: string): GleanerError {
  const { isUnreachable, reason } = readUnmungeError(exitCode, said);
  return isUnreachable
    ? new GleanerError("UNREACHABLE", `munge does not answer: ${reason}`)
    : new GleanerError("NOT_IDENTIFIED", `munge rejected the credential: ${reason}`);
}
