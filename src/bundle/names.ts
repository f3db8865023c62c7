// The names in a bundle: which paths and targets of symbolic links may stand in one, so that
// nothing in it leads out of the folder that it is unpacked into.

import { maxComponentBytes, maxNameBytes } from "./limits.js";

/** The folder for Gleaner's own entries. */
const reservedFolder = ".gleaner";
/** The first entry of each bundle: the function's settings. */
export const manifestName = `${reservedFolder}/function.json`;

/** The order of a bundle's entries. */
export const compareNames = (one: string, other: string): number =>
  Buffer.compare(Buffer.from(one), Buffer.from(other));

/** Why a bundle may not have an entry with this name, as the end of a sentence; null if it may. */
export function nameProblem(name: string): string | null {
  const problem = pathProblem(name);
  if (problem !== null) return problem;
  return name.split("/")[0] === reservedFolder
    ? `is in the folder ${reservedFolder}, which is Gleaner's own`
    : null;
}

function pathProblem(path: string): string | null {
  if (path.startsWith("/")) return "is an absolute path";
  if (/\p{Cc}/u.test(path)) return "contains a control character";
  if (Buffer.byteLength(path) > maxNameBytes) return `is longer than ${maxNameBytes} bytes`;
  for (const component of path.split("/")) {
    if (component === "..") return "leads out of the bundle";
    if (component === "" || component === ".") return "is not in its shortest form";
    if (Buffer.byteLength(component) > maxComponentBytes)
      return `has a part that is longer than ${maxComponentBytes} bytes`;
  }
  return null;
}

/**
 * Why a link with this name may not have this target, as the end of a sentence. A target that may
 * stand in a bundle goes up first, at most to the bundle's own folder, and then only down. No entry
 * is below a link, so each step up leads from a real folder to its real parent: whatever the other
 * links are, the way never leaves the bundle.
 */
export function linkProblem(name: string, target: string): string | null {
  const steps = target.split("/");
  const isUp = (step: string) => step === "..";
  const ups = steps.findIndex((step) => !isUp(step));
  const down = ups < 0 ? [] : steps.slice(ups);
  if ((ups < 0 ? steps.length : ups) > name.split("/").length - 1)
    return `links to ${target}, outside of the bundle`;
  if (down.length === 0) return null;
  const problem = pathProblem(down.join("/"));
  return problem === null ? null : `links to ${target}, which ${problem}`;
}
