// Puts Slurm's name for the start of tasks, srun, in front of a function's PATH.

import { randomBytes } from "node:crypto";
import { chmodSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../model/errors.js";
import { defaultPath } from "../../model/functions/settings.js";
import { makePublicFolder } from "../workers/public-folder.js";
import { stepScript } from "./step-script.js";

/** Puts the programs in a folder of the node's cache; returns it. */
export function placeStepNames(cache: string): string {
  makePublicFolder(cache);
  const folder = makePublicFolder(join(cache, "step-names"));
  // Functions of an earlier executor may read it at this moment.
  const fresh = join(folder, `.new-${randomBytes(6).toString("hex")}`);
  writeFileSync(fresh, stepScript);
  chmodSync(fresh, 0o755);
  renameSync(fresh, join(folder, "srun"));
  return folder;
}

/**
 * The variables by which a function finds them: also in a bash that has set PATH itself, as login
 * shells do.
 */
export const stepVariables = (
  folder: string,
  { PATH = defaultPath }: Readonly<Record<string, string>>,
): Record<string, string> => ({
  PATH: `${folder}:${PATH}`,
  "BASH_FUNC_srun%%": `() { ${join(folder, "srun")} "$@"\n}`,
});

/** How commands find the srun of functions; without a place for it, scripts that call it fail. */
export function stepsIn(
  cache: string,
  explain: (why: string) => void,
): { readonly steps?: (environment: Readonly<Record<string, string>>) => Record<string, string> } {
  try {
    const folder = placeStepNames(cache);
    return { steps: (environment) => stepVariables(folder, environment) };
  } catch (thrown) {
    explain(`functions have no srun: ${messageOf(thrown)}`);
    return {};
  }
}
