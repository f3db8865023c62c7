// A launch sealed by munge: whoever may read a job's script sees a ciphertext that one user alone can open, once, for a while.

import { GleanerError } from "../model/errors.js";
import { run } from "./command.js";

/** The first line inside, so that no credential made for another purpose is taken for a launch; executor/pilot/pilot.ts knows it. */
const purpose = "gleaner-pilot";
/** munged allows an hour by default. */
const maxTtlSeconds = 3_600;
const mungeTimeoutMs = 5_000;

export interface SealOptions {
  /** munged's socket; null: munge's default. */
  readonly mungeSocket: string | null;
  /** Who may open it. */
  readonly uid: number;
  readonly validMs: number;
}

/**
 * munge encrypts with the cluster's key, refuses other users (root, too), a second opening on the same node, and anything altered; and it
 * says who sealed it. Rejects with LAUNCH.
 */
export async function seal(input: string, options: SealOptions): Promise<string> {
  const { mungeSocket, uid, validMs } = options;
  const ttl = Math.min(maxTtlSeconds, Math.ceil(validMs / 1_000));
  const args = ["--cipher=aes128", "--mac=sha256", `--restrict-uid=${uid}`, `--ttl=${ttl}`];
  if (mungeSocket !== null) args.push(`--socket=${mungeSocket}`);
  const { exitCode, stdout, complaint } = await run("munge", args, `${purpose}\n${input}`, {
    environment: {},
    timeoutMs: mungeTimeoutMs,
  });
  const credential = stdout.trim();
  if (exitCode !== 0 || !/^MUNGE:[A-Za-z0-9+/=]+:$/.test(credential))
    throw new GleanerError("LAUNCH", `munge could not seal a launch (${complaint}): is munged up?`);
  return credential;
}
