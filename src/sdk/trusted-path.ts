// Checks that only root and this user can change a file: the file itself and every folder on its
// path.

import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { dirname, join, parse, resolve } from "node:path";
import { GleanerError } from "../model/errors.js";

/** As many links as the kernel follows. */
const maxLinks = 40;
const sticky = 0o1000;

/**
 * Throws CONFIG with the first part of the path to `file` that another user could change. A missing
 * file passes, unless others could create it.
 */
export function requireTrusted(file: string): void {
  const problem = problemOf(resolve(file));
  if (problem !== null)
    throw new GleanerError(
      "CONFIG",
      `${file} is not trusted: ${problem}; whoever can change it decides what ${userOf()} runs and connects to`,
    );
}

const userOf = (): string => (process.geteuid!() === 0 ? "root" : "this user");

/** Walks from the root folder, as the kernel does, so that each link is checked where it is. */
function problemOf(file: string): string | null {
  let at = parse(file).root;
  let rest = file.split("/").filter((part) => part !== "");
  let links = 0;
  let isOpen = false;
  for (;;) {
    const state = stateOf(at);
    if (state === null) return isOpen ? `others could create it: create ${at} first` : null;
    if (!isTrustedOwner(state))
      return `${at} belongs to another user (uid ${state.uid}): chown it to root`;
    if (state.isSymbolicLink()) {
      if (++links > maxLinks) return `${at} is behind too many links`;
      const target = resolve(dirname(at), readlinkSync(at));
      rest = [...target.split("/").filter((part) => part !== ""), ...rest];
      at = "/";
      continue;
    }
    const problem = weaknessOf(at, state);
    if (problem !== null) return problem;
    isOpen = (state.mode & 0o022) !== 0;
    const next = rest.shift();
    if (next === undefined) return null;
    at = join(at, next);
  }
}

function weaknessOf(path: string, state: Stats): string | null {
  // In a sticky folder, such as /tmp, nobody can replace another user's files.
  if ((state.mode & 0o022) !== 0 && !(state.isDirectory() && (state.mode & sticky) !== 0))
    return `others can write to ${path}: chmod go-w it`;
  return null;
}

const isTrustedOwner = ({ uid }: Stats): boolean => uid === 0 || uid === process.geteuid!();

function stateOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}
