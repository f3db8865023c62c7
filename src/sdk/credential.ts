// Proves the user's identity: a munge credential, created by the munge program and decoded by the
// daemon.

import { GleanerError } from "../model/errors.js";

/**
 * munge answers within a few milliseconds; its own client gives up on a dead munged after about
 * 3 s.
 */
const mungeTimeoutMs = 10_000;
/** A credential with our payload is smaller than 300 bytes. */
const maxCredentialBytes = 8 * 1024;

export interface MungeOptions {
  /** munged's socket; null for munge's default. */
  readonly socket: string | null;
  /**
   * The user that gleanerd runs as, a name or a uid: munge lets nobody else decode the credential.
   */
  readonly daemonUser: string;
}

/**
 * Creates a new credential with `payload`. Rejects with NOT_IDENTIFIED if munge is missing or
 * munged does not answer, or with the signal's reason.
 */
export async function makeCredential(
  { socket, daemonUser }: MungeOptions,
  payload: string,
  signal?: AbortSignal,
): Promise<string> {
  // Imported here because a cached token needs no program.
  const { execFile } = await import("node:child_process");
  const args = [`--restrict-uid=${daemonUser}`];
  if (socket !== null) args.push(`--socket=${socket}`);
  return new Promise((resolve, reject) => {
    const child = execFile(
      "munge",
      args,
      { timeout: mungeTimeoutMs, maxBuffer: maxCredentialBytes, killSignal: "SIGKILL", signal },
      (error, stdout, stderr) => {
        const credential = stdout.trim();
        if (error === null && credential.startsWith("MUNGE:")) resolve(credential);
        else reject(signal?.aborted ? signal.reason : whyNone(error, stderr));
      },
    );
    // A munge that exits before it has read its input gives the reason on standard error.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(payload);
  });
}

function whyNone(error: (Error & { code?: unknown }) | null, stderr: string): GleanerError {
  if (error?.code === "ENOENT")
    return new GleanerError(
      "NOT_IDENTIFIED",
      "munge is not in PATH: install the package munge, which proves who you are",
      { cause: error },
    );
  const said =
    stderr.trim().split("\n")[0] || error?.message.split("\n")[0] || "it printed nothing";
  return new GleanerError(
    "NOT_IDENTIFIED",
    `munge created no credential (${said}): ask your administrator to check that munged runs on this machine`,
    { cause: error },
  );
}
