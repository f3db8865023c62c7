// Who we are: a munge credential, made by the munge program for the daemon to decode.

import { GleanerError } from "../model/errors.js";

/** munge answers in a few milliseconds; its own client gives up on a dead munged after about 3 s. */
const mungeTimeoutMs = 10_000;
/** A credential of our payload is below 300 bytes. */
const maxCredentialBytes = 8 * 1024;

export interface MungeOptions {
  /** munged's; null: munge's default. */
  readonly socket: string | null;
  /** Whom gleanerd runs as, a name or a uid: munge lets nobody else decode the credential. */
  readonly daemonUser: string;
}

/**
 * A fresh credential that says `payload`. Rejects with code NOT_IDENTIFIED when munge is missing or its daemon does
 * not answer.
 */
export async function makeCredential(
  { socket, daemonUser }: MungeOptions,
  payload: string,
): Promise<string> {
  // Loaded here: with a cached token no program is started.
  const { execFile } = await import("node:child_process");
  const args = [`--restrict-uid=${daemonUser}`];
  if (socket !== null) args.push(`--socket=${socket}`);
  return new Promise((resolve, reject) => {
    const child = execFile(
      "munge",
      args,
      { timeout: mungeTimeoutMs, maxBuffer: maxCredentialBytes, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        const credential = stdout.trim();
        if (error === null && credential.startsWith("MUNGE:")) resolve(credential);
        else reject(whyNone(error, stderr));
      },
    );
    // A munge that ends before it has read its input says why on standard error.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(payload);
  });
}

function whyNone(error: (Error & { code?: unknown }) | null, stderr: string): GleanerError {
  if (error?.code === "ENOENT")
    return new GleanerError(
      "NOT_IDENTIFIED",
      "the program munge is not in PATH: install the package munge, it proves who you are",
      { cause: error },
    );
  const said = stderr.trim().split("\n")[0] || error?.message.split("\n")[0] || "it said nothing";
  return new GleanerError(
    "NOT_IDENTIFIED",
    `munge gave no credential (${said}): ask your administrator whether munged runs on this machine`,
    { cause: error },
  );
}
