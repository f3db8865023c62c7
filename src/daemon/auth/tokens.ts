// The daemon's single key and the values derived from it: executors' secrets and users' tokens.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { errorCodeOf, GleanerError } from "../../model/errors.js";
import type { ExecutorId, InvocationId } from "../../model/ids.js";
import type { Identity } from "../../model/invocation.js";

const keyBytes = 32;
/** Longer than any token issued here; longer ones are rejected unread. */
const maxTokenCharacters = 512;

export class Secrets {
  private constructor(private readonly key: Buffer) {}

  /**
   * Reads the key file, or creates it on the first start: 32 random bytes, readable only by its
   * owner. If the database is there, another key sealed its ledger, and none is created.
   */
  static load(file: string, database: string | null = null): Secrets {
    try {
      return new Secrets(readKey(file));
    } catch (cause) {
      if (errorCodeOf(cause) !== "ENOENT") throw cause;
    }
    if (database !== null && existsSync(database))
      throw new GleanerError("CONFIG", `${file} is missing, and ${database} is not: ${restoreKey}`);
    // Links the complete file into place: a crash leaves either no key or a valid one.
    const made = `${file}.${process.pid}`;
    rmSync(made, { force: true }); // left by a crashed daemon with our pid
    writeFileSync(made, randomBytes(keyBytes), { mode: 0o600, flag: "wx" });
    chmodSync(made, 0o600);
    linkSync(made, file);
    unlinkSync(made);
    return new Secrets(readKey(file));
  }

  /**
   * The secret by which an executor and the daemon identify each other, in hex. Derived, so that a
   * restarted daemon knows it again.
   */
  ofExecutor(id: ExecutorId): string {
    return this.mac(`executor|${id}`).toString("hex");
  }

  /** What the client and the node of an attached command prove to each other to know. */
  ofRun(id: InvocationId): Buffer {
    return this.mac(`run|${id}`);
  }

  /** What a leased worker and its clients prove to each other; `worker` is its attempt's name. */
  ofLease(worker: string): Buffer {
    return this.mac(`lease|${worker}`);
  }

  /** An unpredictable folder name, so that nobody can create something else under it first. */
  checkpointName(id: InvocationId): string {
    return `.gleaner-checkpoint-${id}-${this.mac(`checkpoint|${id}`).toString("hex").slice(0, 16)}`;
  }

  /** Eight hexadecimal digits that distinguish this daemon's pilots from another's; not secret. */
  instance(): string {
    return this.mac("instance").toString("hex").slice(0, 8);
  }

  /**
   * The key for the seals of postings, in hex: anyone who can write to the database but cannot read
   * the key can forge none.
   */
  ledgerKey(): string {
    return this.mac("ledger").toString("hex");
  }

  /** The seal of what executors keep for gleanerd. */
  voucherSeal(body: Uint8Array): Buffer {
    return createHmac("sha256", this.mac("voucher")).update(body).digest();
  }

  /**
   * Issues a bearer token for an identity, valid until `expiresAtMs` and while `epoch` is the
   * user's (see token-epochs.ts).
   */
  issueToken(identity: Identity, expiresAtMs: number, epoch = 0): string {
    const claims = { ...identity, expiresAtMs, epoch };
    const body = Buffer.from(JSON.stringify(claims)).toString("base64url");
    return `${body}.${this.mac(`token|${body}`).toString("base64url")}`;
  }

  /** The token's identity; throws NOT_IDENTIFIED if it is forged, damaged, expired or revoked. */
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
      throw new GleanerError("NOT_IDENTIFIED", "the token has expired: request a new one");
    if (claims.epoch !== epochOf(claims.uid))
      throw new GleanerError("NOT_IDENTIFIED", "the token was revoked: request a new one");
    return { uid: claims.uid, gid: claims.gid, user: claims.user };
  }

  private mac(text: string): Buffer {
    return createHmac("sha256", this.key).update(text).digest();
  }
}

const notAToken = () =>
  new GleanerError("NOT_IDENTIFIED", "this gleanerd did not issue the token: request a new one");

const restoreKey =
  "put the key back from your backup; if there is none, make another (umask 077; head -c 32 /dev/urandom > FILE), and glean bill --verify will complain of all earlier postings";

function readKey(file: string): Buffer {
  const key = readFileSync(file);
  const { mode } = statSync(file);
  if (key.length !== keyBytes)
    throw new GleanerError(
      "CONFIG",
      `${file} has ${key.length} bytes instead of ${keyBytes}: ${restoreKey}`,
    );
  if ((mode & 0o077) !== 0)
    throw new GleanerError(
      "CONFIG",
      `${file} is readable by other users: chmod 600 it, and remove it if somebody may have read it`,
    );
  return key;
}
