// The daemon's one key, and what is derived from it: executors' secrets and users' tokens.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import {
  chmodSync,
  linkSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { GleanerError } from "../../model/errors.js";
import type { ExecutorId, InvocationId } from "../../model/ids.js";
import type { Identity } from "../../model/invocation.js";

const keyBytes = 32;
/** Longer than any token made here; longer ones are not looked at. */
const maxTokenCharacters = 512;

export class Secrets {
  private constructor(private readonly key: Buffer) {}

  /** Reads the key file, or makes it on the first start: 32 random bytes that only its owner reads. */
  static load(file: string): Secrets {
    try {
      return new Secrets(readKey(file));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    }
    // Linked into place whole: a crash leaves either no key or a good one.
    const made = `${file}.${process.pid}`;
    rmSync(made, { force: true }); // of a daemon with our number that crashed here
    writeFileSync(made, randomBytes(keyBytes), { mode: 0o600, flag: "wx" });
    chmodSync(made, 0o600);
    linkSync(made, file);
    unlinkSync(made);
    return new Secrets(readKey(file));
  }

  /** What an executor and the daemon prove to each other; hex. Derived, so a restarted daemon knows it again. */
  ofExecutor(id: ExecutorId): string {
    return this.mac(`executor|${id}`).toString("hex");
  }

  /** A folder's name that nobody can put something else under before it is made. */
  checkpointName(id: InvocationId): string {
    return `.gleaner-checkpoint-${id}-${this.mac(`checkpoint|${id}`).toString("hex").slice(0, 16)}`;
  }

  /** Eight hexadecimal digits that tell this daemon's pilots from another's; no secret. */
  instance(): string {
    return this.mac("instance").toString("hex").slice(0, 8);
  }

  /** Of the seals that postings get, hex: whoever can write to the database and cannot read the key forges none. */
  ledgerKey(): string {
    return this.mac("ledger").toString("hex");
  }

  /** A bearer token for an identity, good until `expiresAtMs` and while `epoch` is the user's (see token-epochs.ts). */
  issueToken(identity: Identity, expiresAtMs: number, epoch = 0): string {
    const claims = { ...identity, expiresAtMs, epoch };
    const body = Buffer.from(JSON.stringify(claims)).toString("base64url");
    return `${body}.${this.mac(`token|${body}`).toString("base64url")}`;
  }

  /** Whose token it is; throws NOT_IDENTIFIED when it is forged, damaged, expired or revoked. */
  readToken(token: string, nowMs: number, epochOf: (uid: number) => number = () => 0): Identity {
    const [body, mac, rest] = token.length <= maxTokenCharacters ? token.split(".") : [];
    if (body === undefined || mac === undefined || rest !== undefined) throw notAToken();
    const given = Buffer.from(mac, "base64url");
    const expected = this.mac(`token|${body}`);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw notAToken();
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Identity & {
      expiresAtMs: number;
      epoch: number;
    };
    if (claims.expiresAtMs <= nowMs)
      throw new GleanerError("NOT_IDENTIFIED", "the token has expired: ask for a new one");
    if (claims.epoch !== epochOf(claims.uid))
      throw new GleanerError("NOT_IDENTIFIED", "the token was revoked: ask for a new one");
    return { uid: claims.uid, gid: claims.gid, user: claims.user };
  }

  private mac(text: string): Buffer {
    return createHmac("sha256", this.key).update(text).digest();
  }
}

const notAToken = () =>
  new GleanerError("NOT_IDENTIFIED", "the token is not one of this daemon's: ask for a new one");

function readKey(file: string): Buffer {
  const key = readFileSync(file);
  const { mode } = statSync(file);
  if (key.length !== keyBytes)
    throw new GleanerError(
      "CONFIG",
      `${file} should hold ${keyBytes} bytes and holds ${key.length}: remove it and restart (executors then start anew)`,
    );
  if ((mode & 0o077) !== 0)
    throw new GleanerError(
      "CONFIG",
      `${file} can be read by others: chmod 600 it, and remove it if it may have been read`,
    );
  return key;
}
