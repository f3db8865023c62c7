// Opens one ssh connection to a node: only to a host whose key is known, only within a time limit.

import type { Client, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";
import ssh2 from "ssh2";
import { GleanerError, messageOf } from "../../model/errors.js";
import { type HostTrust, readPrivateKey } from "./files.js";

export interface SshOptions {
  readonly user: string;
  readonly port: number;
  /** Path of the private key, which only its owner may read. */
  readonly privateKey: string;
  /** Path of the known_hosts file. */
  readonly knownHosts: string;
  /** For all of it: name, TCP, handshake, key. */
  readonly connectTimeoutMs: number;
  /** For one command. */
  readonly commandTimeoutMs: number;
}

/** A dead node is noticed after three of these without an answer. */
const keepaliveMs = 15_000;
const maxKeepalivesUnanswered = 3;

/** How a type of key in known_hosts may sign; SHA-1 is not among them. */
const signatures: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

/** How ssh2 says that none of the types of key we ask for is the server's. */
const noSharedKeyType = "no matching host key format";

/** Resolves with a client that is logged in; rejects with a GleanerError of code LAUNCH, also when `ending` aborts. */
export async function connect(
  options: SshOptions,
  trust: (address: string, port: number) => Promise<HostTrust>,
  address: string,
  ending: AbortSignal,
): Promise<Client> {
  const host = await trust(address, options.port);
  const privateKey = await readPrivateKey(options.privateKey);
  if (ending.aborted)
    throw new GleanerError("LAUNCH", "The launcher is closed: the daemon is ending.");
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
  // With Nagle's algorithm on, each command waits 40 ms for nothing.
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
    const abort = () => settle(new Error("the daemon is ending"));
    ending.addEventListener("abort", abort);
    client.once("ready", () => settle(null));
    client.once("close", () => settle(new Error("the connection was closed")));
    // There may be errors after the first, and one without a listener would end the program.
    client.on("error", settle);
    // Our own limit measures everything, also the search for the address.
    client.connect({ ...config, readyTimeout: 0 });
  });
}

function sentenceFor(cause: unknown, options: SshOptions, address: string): string {
  const where = `${address} port ${options.port}`;
  const message = messageOf(cause);
  if ((cause as { level?: unknown }).level === "client-authentication")
    return `${where} does not let ${options.user} in with the key ${options.privateKey}: add its public half to that user's authorized_keys there.`;
  if (message.includes(noSharedKeyType))
    return `${where} has no key of the types that ${options.knownHosts} lists for it: add one with "ssh-keyscan -p ${options.port} ${address}".`;
  if (message.startsWith("Cannot parse privateKey"))
    return `The private key ${options.privateKey} cannot be used (${message}): make one without a passphrase with ssh-keygen.`;
  return `${where} cannot be reached by ssh (${message}): check that the node is up and that its sshd listens there.`;
}
