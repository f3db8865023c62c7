// Small files that only this user can read or write, in which tokens are kept between runs.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { isAbsolute, join } from "node:path";
import { randomHex } from "./random.js";

/** A token with its labels takes less than 1 kB; a much larger file is not ours. */
const maxPrivateBytes = 16 * 1024;

/**
 * The user's own folder for such files: `$XDG_RUNTIME_DIR/gleaner`, else `~/.cache/gleaner`,
 * created with mode 0700 if missing. Returns null if neither can be trusted: then the caller does
 * without.
 */
export function privateDirectory(environment: NodeJS.ProcessEnv): string | null {
  const { XDG_RUNTIME_DIR: runtime, HOME: home } = environment;
  if (runtime !== undefined && isAbsolute(runtime) && isOwnFolder(runtime))
    return ownLeaf(join(runtime, "gleaner"));
  if (home === undefined || !isAbsolute(home) || !isOwnFolder(home)) return null;
  const cache = join(home, ".cache");
  makeFolder(cache);
  return isOwnFolder(cache) ? ownLeaf(join(cache, "gleaner")) : null;
}

/**
 * A file name for a key of any length. Two keys may share a name, so each file contains its key and
 * readers compare it. That is enough for a user's own files, and avoids loading node:crypto, for
 * which glean would have to wait.
 */
export function privateName(kind: string, key: string): string {
  let hash = 0x811c9dc5; // FNV-1a
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return `${kind}-${hash.toString(16).padStart(8, "0")}.json`;
}

/**
 * The file's text, or null if it is missing, too large, a link, not ours, or accessible to others.
 */
export function readPrivate(directory: string, name: string): string | null {
  let file: number | null = null;
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    file = openSync(join(directory, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const state = fstatSync(file);
    if (!state.isFile() || state.uid !== ownUid() || (state.mode & 0o077) !== 0) return null;
    if (state.nlink !== 1 || state.size > maxPrivateBytes) return null;
    const bytes = Buffer.alloc(state.size);
    return bytes.toString("utf8", 0, readSync(file, bytes, 0, state.size, 0));
  } catch {
    return null;
  } finally {
    if (file !== null) closeSync(file);
  }
}

/**
 * Replaces the file atomically, with mode 0600. Returns false if that fails: a failing cache is not
 * an error.
 */
export function writePrivate(directory: string, name: string, text: string): boolean {
  const fresh = join(directory, `.${name}.${randomHex(8)}`);
  let file: number | null = null;
  try {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    file = openSync(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    writeSync(file, text);
    renameSync(fresh, join(directory, name));
    return true;
  } catch {
    rmSync(fresh, { force: true });
    return false;
  } finally {
    if (file !== null) closeSync(file);
  }
}

/**
 * The last folder must be a real one, ours and closed to others; links above it (a home on another
 * disk) are common.
 */
function ownLeaf(path: string): string | null {
  makeFolder(path);
  try {
    const state = lstatSync(path);
    const closed = state.isDirectory() && state.uid === ownUid() && (state.mode & 0o077) === 0;
    return closed ? path : null;
  } catch {
    return null;
  }
}

function isOwnFolder(path: string): boolean {
  try {
    const state = statSync(path);
    return state.isDirectory() && state.uid === ownUid() && (state.mode & 0o022) === 0;
  } catch {
    return false;
  }
}

function makeFolder(path: string): void {
  try {
    // Checked first because the error for an existing folder takes ten times as long.
    if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
  } catch {
    // It exists already or cannot be created: the check that follows tells.
  }
}

const ownUid = (): number => process.geteuid!();
