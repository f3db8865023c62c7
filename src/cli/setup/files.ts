// Replaces files of the site as a whole, with the owner and the mode that they have.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";

/** The text of a file; "" if there is none. */
export function textOf(file: string): string {
  if (!existsSync(file)) return "";
  return attempt(`cannot read ${file}`, () => readFileSync(file, "utf8"));
}

/** Writes a file if its text differs; whoever reads it sees the old one or the new one. */
export function replaceFile(file: string, text: string): void {
  if (existsSync(file) && textOf(file) === text) return;
  attempt(`cannot write ${file}`, () => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    // A link stays one.
    const target = existsSync(file) ? realpathSync(file) : file;
    const fresh = `${target}.glean-setup`;
    const old = existsSync(target) ? statSync(target) : null;
    writeFileSync(fresh, text, { mode: 0o600 });
    if (old !== null) chownSync(fresh, old.uid, old.gid);
    chmodSync(fresh, old === null ? 0o644 : old.mode & 0o7777);
    renameSync(fresh, target);
  });
}

/** The copy has the owner and the mode of the file: slurm.conf may hold a password of a plugin. */
export function copyFile(file: string, copy: string): void {
  attempt(`cannot copy ${file} to ${copy}`, () => execFileSync("cp", ["-p", file, copy]));
}

export function removeFile(file: string): void {
  attempt(`cannot remove ${file}`, () => rmSync(file, { force: true }));
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new GleanerError("CONFIG", `${what} (${messageOf(cause)}): run glean setup as root`, {
      cause,
    });
  }
}
