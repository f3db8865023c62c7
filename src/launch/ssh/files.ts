// Reads and checks the private key and the known hosts on each use.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { GleanerError, messageOf } from "../../model/errors.js";
import {
  hostEntry,
  type KnownHosts,
  type KnownKey,
  parseKnownHosts,
  typeInside,
} from "./known-hosts.js";

/** 10,000 nodes with three keys each take 12 MB. */
const maxKnownHostsBytes = 64 * 1024 * 1024;
const maxPrivateKeyBytes = 64 * 1024;

/** Returns the key's bytes; throws LAUNCH if other users can read it. */
export async function readPrivateKey(path: string): Promise<Buffer> {
  const { mode, size } = await statOf(path, "private key");
  if ((mode & 0o077) !== 0)
    throw new GleanerError(
      "LAUNCH",
      `other users can read the private key ${path}: run "chmod 600 ${path}"`,
    );
  if (size > maxPrivateKeyBytes)
    throw new GleanerError(
      "LAUNCH",
      `${path} is too large for a private key: set placement.ssh.privateKey to the right file`,
    );
  return readFile(path);
}

/** What the file says about a host. */
export interface HostTrust {
  /** The key types to request from the server, as named in known_hosts. */
  readonly keyTypes: readonly string[];
  /** Returns null for a key of the host, otherwise one sentence with the reason for refusal. */
  refuse(key: Buffer): string | null;
}

/** Reads a known_hosts file and parses it again only if it changed. */
export function createTrust(path: string): (address: string, port: number) => Promise<HostTrust> {
  let cached: { version: string; known: KnownHosts } | undefined;
  return async (address, port) => {
    const { mtimeMs, size, ino } = await statOf(path, "list of known hosts");
    if (size > maxKnownHostsBytes)
      throw new GleanerError(
        "LAUNCH",
        `${path} is larger than ${maxKnownHostsBytes} bytes: shorten it`,
      );
    const version = `${ino} ${size} ${mtimeMs}`;
    if (cached?.version !== version)
      cached = { version, known: parseKnownHosts(await readFile(path, "latin1")) };
    return trustIn(cached.known.lookup(hostEntry(address, port)), path, address, port);
  };
}

/** Throws LAUNCH if the file does not list the host. */
function trustIn(
  keys: readonly KnownKey[],
  path: string,
  address: string,
  port: number,
): HostTrust {
  const valid = keys.filter((known) => !known.revoked);
  const scan = `ssh-keyscan -p ${port} ${address} >>${path}`;
  if (valid.length === 0)
    throw new GleanerError(
      "LAUNCH",
      `the host key of ${address} is not in ${path}: add it with "${scan}", and compare it with the one on the node`,
    );
  return {
    keyTypes: [...new Set(valid.map(({ type }) => type))],
    refuse(key) {
      const same = keys.filter((known) => known.key.equals(key));
      const revoked = same.find((known) => known.revoked);
      if (revoked)
        return `the host key of ${address} is revoked in line ${revoked.line} of ${path}: give the node a new one`;
      if (same.length > 0) return null;
      const type = typeInside(key);
      const line = valid.find((known) => known.type === type)?.line ?? valid[0]!.line;
      const print = createHash("sha256").update(key).digest("base64").replace(/=+$/, "");
      return `${address} presents another host key (${type} SHA256:${print}) than line ${line} of ${path}: if the node was reinstalled, remove that line and run "${scan}"; otherwise the connection may be intercepted`;
    },
  };
}

async function statOf(path: string, what: string) {
  try {
    return await stat(path);
  } catch (cause) {
    throw new GleanerError(
      "LAUNCH",
      `the ${what} ${path} cannot be read (${messageOf(cause)}): create it, or set placement.ssh in the configuration`,
      { cause },
    );
  }
}
