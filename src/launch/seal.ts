// Seals a launch with munge: a job's script holds a ciphertext that only one user can open, once.

import { GleanerError } from "../model/errors.js";
import type { RunProgram } from "../processes/run.js";
import { run } from "./command.js";

/** The first line of the plaintext, so that no other credential passes for a launch. */
const purpose = "gleaner-pilot";
/** munged's default maximum. */
const maxTtlSeconds = 3_600;
const mungeTimeoutMs = 5_000;

export interface SealOptions {
  /** The socket of munged; null for munge's default. */
  readonly mungeSocket: string | null;
  /** The user who may open it. */
  readonly uid: number;
  readonly validMs: number;
  readonly runProgram: RunProgram;
}

/**
 * Encrypts with the cluster's key. munge refuses other users (including root), a second opening on
 * the same node, and an altered text, and tells who sealed it. Rejects with LAUNCH.
 */
export async function seal(input: string, options: SealOptions): Promise<string> {
  const { mungeSocket, uid, validMs, runProgram } = options;
  const ttl = Math.min(maxTtlSeconds, Math.ceil(validMs / 1_000));
  const args = ["--cipher=aes128", "--mac=sha256", `--restrict-uid=${uid}`, `--ttl=${ttl}`];
  if (mungeSocket !== null) args.push(`--socket=${mungeSocket}`);
  const { exitCode, stdout, complaint } = await run("munge", args, `${purpose}\n${input}`, {
    environment: {},
    timeoutMs: mungeTimeoutMs,
    runProgram,
  });
  const credential = stdout.trim();
  if (exitCode !== 0 || !/^MUNGE:[A-Za-z0-9+/=]+:$/.test(credential))
    throw new GleanerError(
      "LAUNCH",
      `munge could not seal a launch (${complaint}): check that munged runs`,
    );
  return credential;
}
