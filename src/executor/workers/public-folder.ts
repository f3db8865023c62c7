// Folders whose content users run or load: everybody may read them, and only this process's user
// may change them.

import { chmodSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { errorCodeOf, GleanerError } from "../../model/errors.js";

/**
 * Creates it if it is missing, with what is above; throws LAUNCH if others could change it. With
 * the mode 0711 others reach only what they can name. Returns the folder.
 */
export function makePublicFolder(folder: string, mode = 0o755): string {
  try {
    mkdirSync(dirname(folder), { recursive: true, mode: 0o755 });
    mkdirSync(folder);
    chmodSync(folder, mode); // whatever the umask
  } catch (thrown) {
    const code = errorCodeOf(thrown);
    if (code !== "EEXIST")
      throw new GleanerError(
        "LAUNCH",
        `uid ${process.geteuid!()} cannot create ${folder} on its node (${code}): let it, or set functions.cacheDirectory`,
        { cause: thrown },
      );
  }
  const is = lstatSync(folder);
  if (!is.isDirectory() || is.uid !== process.geteuid!() || (is.mode & 0o022) !== 0)
    throw new GleanerError(
      "LAUNCH",
      `${folder} must be a directory that only uid ${process.geteuid!()} owns and may write to: correct it, or set functions.cacheDirectory`,
    );
  return folder;
}

/** What a file system says that has no more room, for anybody or for this user. */
const full: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);
/** After an error a disk is often read-only. */
const broken: ReadonlySet<string> = new Set(["EROFS", "EIO"]);

export const isFull = (thrown: unknown): boolean => full.has(errorCodeOf(thrown) ?? "");

/**
 * In place of what a file system says about such a folder, a sentence about what to do; `advice`:
 * what the user can do where there is no room.
 */
export function problemOf(folder: string, thrown: unknown, advice: string | null = null): unknown {
  const code = errorCodeOf(thrown) ?? "";
  const site = `ask your site to make room there${advice === null ? "" : `, or ${advice}`}`;
  if (full.has(code))
    return new GleanerError("STORE", `${folder} has no room for it (${code}): ${site}`, {
      cause: thrown,
    });
  if (broken.has(code))
    return new GleanerError(
      "STORE",
      `${folder} cannot be written (${code}): ask your site to check its file system`,
      { cause: thrown },
    );
  return thrown;
}

/** Lets everybody read a file, or a folder with all that is in it, and run what its owner may. */
export function publish(path: string): void {
  const { mode } = lstatSync(path);
  const isFolder = (mode & 0o170_000) === 0o040_000;
  chmodSync(path, isFolder || (mode & 0o100) !== 0 ? 0o755 : 0o644);
  if (isFolder) for (const name of readdirSync(path)) publish(join(path, name));
}
