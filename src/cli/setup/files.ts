// Replaces files of the site as a whole, with the owner and the mode that they have.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import { requireTrusted } from "../../sdk/index.js";

/** The text of a file; "" if there is none. */
export function textOf(file: string): string {
  if (!existsSync(file)) return "";
  return attempt(`cannot read ${file}`, () => readFileSync(file, "utf8"));
}

/** Writes a file if its text differs; whoever reads it sees the old one or the new one. */
export function replaceFile(file: string, text: string): void {
  if (existsSync(file) && textOf(file) === text) return;
  const target = targetOf(file);
  attempt(`cannot write ${file}`, () => {
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    place(target, text, existsSync(target) ? statSync(target) : null);
  });
}

/** A link stays one; it is followed only if nobody else can change where it leads. */
function targetOf(file: string): string {
  if (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return file;
  requireTrusted(file);
  return realpathSync(file);
}

/** The copy has the owner and the mode of the file: slurm.conf may hold a password of a plugin. */
export function copyFile(file: string, copy: string): void {
  const source = targetOf(file);
  attempt(`cannot copy ${file} to ${copy}`, () => {
    const opened = openSync(source, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      place(copy, readFileSync(opened), fstatSync(opened));
    } finally {
      closeSync(opened);
    }
  });
}

/**
 * The folder may belong to another user, as /etc/slurm often does to slurm: what that user puts
 * there meanwhile, a link above all, is replaced and never followed.
 */
function place(target: string, content: string | Buffer, like: Stats | null): void {
  const fresh = `${target}.glean-setup-${randomBytes(8).toString("hex")}`;
  const written = openSync(fresh, "wx", 0o600);
  try {
    try {
      writeFileSync(written, content);
      if (like !== null) fchownSync(written, like.uid, like.gid);
      fchmodSync(written, like === null ? 0o644 : like.mode & 0o7777);
    } finally {
      closeSync(written);
    }
    renameSync(fresh, target);
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw cause;
  }
}

export function removeFile(file: string): void {
  attempt(`cannot remove ${file}`, () => rmSync(file, { force: true }));
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new GleanerError("CONFIG", `${what} (${messageOf(cause)}): ${adviceFor(cause)}`, {
      cause,
    });
  }
}

/** Root is kept from a file by its attributes, its file system or a full disk only. */
function adviceFor(cause: unknown): string {
  if (process.geteuid!() !== 0) return "run glean setup as root";
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EROFS") return "run glean setup where its file system is not mounted read-only";
  if (code === "EPERM") return "let root change it (chattr -i), and run glean setup again";
  return "mend that, and run glean setup again";
}
