// Opens an ssh connection to a host with a known key, within a time limit.

import type { Client, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";
import ssh2 from "ssh2";
import { GleanerError, messageOf } from "../../model/errors.js";
import { type HostTrust, readPrivateKey } from "./files.js";

export interface SshOptions {
  readonly user: string;
  readonly port: number;
  /** The path of the private key, which only its owner may read. */
  readonly privateKey: string;
  /** The path of the known_hosts file. */
  readonly knownHosts: string;
  /** The time limit for name, TCP, handshake and key together. */
  readonly connectTimeoutMs: number;
  /** The time limit for one command. */
  readonly commandTimeoutMs: number;
}

/** Three of these without an answer mean a dead node. */
const keepaliveMs = 15_000;
const maxKeepalivesUnanswered = 3;

/** The signature algorithms of each key type in known_hosts, without SHA-1. */
const signatures: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

/** The error of ssh2 if the server has no key of a requested type. */
const noSharedKeyType = "no matching host key format";

/** Resolves with a logged-in client; rejects with LAUNCH, also if `ending` aborts. */
export async function connect(
  options: SshOptions,
  trust: (address: string, port: number) => Promise<HostTrust>,
  address: string,
  ending: AbortSignal,
): Promise<Client> {
  const host = await trust(address, options.port);
  const privateKey = await readPrivateKey(options.privateKey);
  if (ending.aborted)
    throw new GleanerError("LAUNCH", "the launcher is closed: gleanerd is shutting down");
  const serverHostKey = host.keyTypes.flatMap((type) => signatures[type] ?? []);
  const client = new ssh2.Client();
  let refusal: string | null = null;
  try {
    if (serverHostKey.length === 0) throw new Error(noSharedKeyType);
    await logIn(client, options.connectTimeoutMs, ending, {
      host: address,
      port: options.port,
      username: options.user,
      privateKey,
      keepaliveInterval: keepaliveMs,
      keepaliveCountMax: maxKeepalivesUnanswered,
      algorithms: { serverHostKey },
      hostVerifier: (key: Buffer) => {
        refusal = host.refuse(key);
        return refusal === null;
      },
    });
  } catch (cause) {
    client.destroy();
    throw new GleanerError("LAUNCH", refusal ?? sentenceFor(cause, options, address), { cause });
  }
  // Nagle's algorithm would delay each command by 40 ms.
  client.setNoDelay(true);
  return client;
}

function logIn(client: Client, limitMs: number, ending: AbortSignal, config: ConnectConfig) {
  return new Promise<void>((resolve, reject) => {
    const settle = (error: Error | null) => {
      clearTimeout(limit);
      ending.removeEventListener("abort", abort);
      if (error === null) resolve();
      else reject(error);
    };
    const limit = setTimeout(() => settle(new Error(`no answer within ${limitMs} ms`)), limitMs);
    const abort = () => settle(new Error("gleanerd is shutting down"));
    ending.addEventListener("abort", abort);
    client.once("ready", () => settle(null));
    client.once("close", () => settle(new Error("the connection was closed")));
    // Later errors need a listener, too: without one they would end the program.
    client.on("error", settle);
    // This limit also covers the lookup of the address.
    client.connect({ ...config, readyTimeout: 0 });
  });
}

function sentenceFor(cause: unknown, options: SshOptions, address: string): string {
  const where = `${address} port ${options.port}`;
  const message = messageOf(cause);
  if ((cause as { level?: unknown }).level === "client-authentication")
    return `${where} does not accept ${options.user} with the key ${options.privateKey}: add the public key to that user's authorized_keys there`;
  if (message.includes(noSharedKeyType))
    return `${where} has no key of the types that ${options.knownHosts} lists for it: add one with "ssh-keyscan -p ${options.port} ${address}"`;
  if (message.startsWith("Cannot parse privateKey"))
    return `the private key ${options.privateKey} cannot be used (${message}): create one without a passphrase with ssh-keygen`;
  return `${where} cannot be reached by ssh (${message}): check that the node is up and that its sshd listens there`;
}
