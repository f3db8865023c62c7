// Identifies clients: decodes each munge credential once; later requests carry a short-lived token.

import { spawn } from "node:child_process";
import { GleanerError } from "../../model/errors.js";
import type { Identity } from "../../model/invocation.js";
import { labelOf } from "../../model/user.js";
import { readUnmunge, readUnmungeError, rejectionKeys } from "../../wire/munge/unmunge.js";

/** A munge credential has ~150 characters without a payload, ~350 with ours. */
const maxCredentialCharacters = 4_096;
/** munged answers within a millisecond; a hung one must not delay requests. */
const unmungeTimeoutMs = 5_000;
const maxOutputBytes = 16_384;

/** What munge vouches for: the credential's author and payload. */
export interface Vouched {
  readonly identity: Identity;
  readonly payload: string;
}

export class MungeAuthenticator {
  constructor(private readonly socket: string | null) {}

  /** Throws NOT_IDENTIFIED with munge's own reason. */
  async identify(credential: string): Promise<Vouched> {
    if (credential.length > maxCredentialCharacters || !/^MUNGE:[A-Za-z0-9+/=]+:$/.test(credential))
      throw new GleanerError(
        "NOT_IDENTIFIED",
        "the request contains no munge credential: create one with munge",
      );
    const output = await runUnmunge(this.socket, credential);
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

function runUnmunge(socket: string | null, credential: string): Promise<string> {
  const args = [
    `--keys=${rejectionKeys},UID,GID`,
    ...(socket === null ? [] : [`--socket=${socket}`]),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn("unmunge", args, {
      timeout: unmungeTimeoutMs,
      killSignal: "SIGKILL",
      stdio: "pipe",
    });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.length > maxOutputBytes) child.kill("SIGKILL");
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(0, 500);
    });
    child.on("error", (cause) =>
      reject(new GleanerError("UNREACHABLE", `cannot run unmunge: ${cause.message}`, { cause })),
    );
    // It exits with munge's status, which the output names too, unless the credential could not be
    // read.
    child.on("close", (exitCode) => {
      if (output.includes("STATUS:")) resolve(output);
      else reject(withoutStatus(exitCode, errors));
    });
    child.stdin.on("error", () => {}); // a child that died reports the reason on close
    child.stdin.end(credential);
  });
}

function withoutStatus(exitCode: number | null, said: string): GleanerError {
  const { isUnreachable, reason } = readUnmungeError(exitCode, said);
  return isUnreachable
    ? new GleanerError("UNREACHABLE", `munge does not answer: ${reason}`)
    : new GleanerError("NOT_IDENTIFIED", `munge rejected the credential: ${reason}`);
}
