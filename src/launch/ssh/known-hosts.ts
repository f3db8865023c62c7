// Parses OpenSSH's known_hosts format: the trusted and revoked keys of a host.

import { createHmac, timingSafeEqual } from "node:crypto";

export interface KnownKey {
  /** `ssh-ed25519`, `ssh-rsa` …, as in the file. */
  readonly type: string;
  readonly key: Buffer;
  readonly revoked: boolean;
  /** Counted from 1, for error messages. */
  readonly line: number;
}

/** A line with hashed names or wildcards. */
interface PatternEntry {
  readonly matches: (host: string) => boolean;
  readonly known: KnownKey;
}

export interface KnownHosts {
  /** Returns all keys of a host; `host` is a result of hostEntry(). */
  lookup(host: string): readonly KnownKey[];
}

/** An RSA key of 16,384 bits takes 2.8 kB, and the names of a host some hundred bytes. */
const maxLineLength = 16_384;

/** Returns the name of a host in the file: `host`, or `[host]:port` for a port other than 22. */
export function hostEntry(address: string, port: number): string {
  const host = address.toLowerCase();
  return port === 22 ? host : `[${host}]:${port}`;
}

/**
 * Reads the text of a known_hosts file. Ignores invalid lines and those of certificate authorities,
 * since the ssh client does not support certificates.
 */
export function parseKnownHosts(text: string): KnownHosts {
  const plain = new Map<string, KnownKey[]>();
  const patterns: PatternEntry[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const entry = line.length <= maxLineLength ? parseLine(line, index + 1) : null;
    if (entry === null) continue;
    const { hosts, known } = entry;
    if (hosts.some((host) => /^[!|]|[*?]/.test(host)))
      patterns.push({ matches: matcherOf(hosts), known });
    else
      for (const host of hosts) {
        const keys = plain.get(host);
        if (keys) keys.push(known);
        else plain.set(host, [known]);
      }
  }
  return {
    lookup: (host) => [
      ...(plain.get(host) ?? []),
      ...patterns.filter(({ matches }) => matches(host)).map(({ known }) => known),
    ],
  };
}

function parseLine(line: string, number: number): { hosts: string[]; known: KnownKey } | null {
  const words = line.trim().split(/[ \t]+/);
  const marker = words[0]?.startsWith("@") ? words.shift() : undefined;
  if (marker !== undefined && marker !== "@revoked") return null;
  const [names, type, encoded] = words;
  if (names === undefined || names.startsWith("#") || type === undefined || encoded === undefined)
    return null;
  const key = Buffer.from(encoded, "base64");
  if (typeInside(key) !== type) return null;
  const hosts = names.startsWith("|") ? [names] : names.toLowerCase().split(",");
  return { hosts, known: { type, key, revoked: marker !== undefined, line: number } };
}

/** Reads the type at the beginning of a key's bytes; null if it is invalid. */
export function typeInside(key: Buffer): string | null {
  if (key.length < 4) return null;
  const length = key.readUInt32BE(0);
  return length > 64 || key.length < 4 + length ? null : key.toString("latin1", 4, 4 + length);
}

/** As in OpenSSH, a host matches if a pattern does and no pattern with `!` does. */
function matcherOf(hosts: readonly string[]): (host: string) => boolean {
  const tests = hosts.map((pattern) => {
    const negated = pattern.startsWith("!");
    const positive = negated ? pattern.slice(1) : pattern;
    return {
      negated,
      test: positive.startsWith("|") ? hashedMatcher(positive) : wildcardMatcher(positive),
    };
  });
  return (host) =>
    tests.some(({ negated, test }) => !negated && test(host)) &&
    !tests.some(({ negated, test }) => negated && test(host));
}

/** Matches `|1|SALT|HASH`, the HMAC-SHA1 of the host's name. */
function hashedMatcher(entry: string): (host: string) => boolean {
  const [, version, salt, hash] = entry.split("|");
  if (version !== "1" || salt === undefined || hash === undefined) return () => false;
  const key = Buffer.from(salt, "base64");
  const wanted = Buffer.from(hash, "base64");
  return (host) => {
    const digest = createHmac("sha1", key).update(host).digest();
    return digest.length === wanted.length && timingSafeEqual(digest, wanted);
  };
}

/** Matches `*` and `?` as in file names, in linear time for any number of stars. */
function wildcardMatcher(pattern: string): (host: string) => boolean {
  return (host) => {
    let at = 0;
    let star = -1;
    let resume = 0;
    for (let index = 0; index < host.length; ) {
      if (pattern[at] === "*") {
        star = at++;
        resume = index;
      } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === host[index])) {
        at++;
        index++;
      } else if (star >= 0) {
        at = star + 1;
        index = ++resume;
      } else return false;
    }
    while (pattern[at] === "*") at++;
    return at === pattern.length;
  };
}
