// Identifies clients: decodes each munge credential once; later requests carry a short-lived token.

import { spawn } from "node:child_process";
import { GleanerError } from "../../model/errors.js";
import type { Identity } from "../../model/invocation.js";
import { labelOf } from "../../model/user.js";

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

/** Parses unmunge's output: `KEY: value` lines, an empty line, the payload. */
export function parseUnmunge(output: string): Vouched {
  const end = output.indexOf("\n\n");
  const head = end < 0 ? output : output.slice(0, end);
  const payload = end < 0 ? "" : output.slice(end + 2);
  const fields = new Map(
    head.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const status = fields.get("STATUS") ?? "no status";
  if (status !== "Success (0)")
    throw new GleanerError("NOT_IDENTIFIED", `munge rejected the credential: ${status}`);
  const user = /^(.*) \((\d{1,10})\)$/.exec(fields.get("UID") ?? "");
  const group = /^.* \((\d{1,10})\)$/.exec(fields.get("GID") ?? "");
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
  const args = ["--keys=STATUS,UID,GID", ...(socket === null ? [] : [`--socket=${socket}`])];
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
      else reject(withoutStatus(exitCode, errors.trim().replace(/^unmunge: Error: /, "")));
    });
    child.stdin.on("error", () => {}); // a child that died reports the reason on close
    child.stdin.end(credential);
  });
}

/** EMUNGE_SOCKET in munge.h: no munged answers. */
const socketError = 6;

function withoutStatus(exitCode: number | null, what: string): GleanerError {
  return exitCode === null || exitCode === socketError
    ? new GleanerError(
        "UNREACHABLE",
        `munge does not answer (${what || "no output"}): check that munged is running`,
      )
    : new GleanerError(
        "NOT_IDENTIFIED",
        `munge rejected the credential: ${what || `status ${exitCode}`}`,
      );
}
