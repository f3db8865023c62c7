// Puts Slurm's names for the start of tasks, srun, for copies to nodes, sbcast, and for questions
// about the function itself in front of its PATH.

import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../model/errors.js";
import { defaultPath } from "../../model/functions/settings.js";
import { makePublicFolder, problemOf } from "../workers/public-folder.js";
import { idScript } from "./id-script.js";
import { sbcastScript } from "./sbcast-script.js";
import { stepScript } from "./step-script.js";

/** Executors of other nodes may share the folder. */
const ownName = `.new-${randomBytes(6).toString("hex")}`;
const programs: Readonly<Record<string, string>> = {
  sbcast: sbcastScript,
  srun: stepScript,
  ...Object.fromEntries(
    ["scontrol", "squeue", "sacct", "scancel"].map((name) => [name, idScript(name)]),
  ),
};

/** Puts the programs in a folder of the node's cache; returns it. */
export function placeStepNames(cache: string): string {
  makePublicFolder(cache);
  const folder = makePublicFolder(join(cache, "step-names"));
  for (const [name, script] of Object.entries(programs)) {
    // Functions of an earlier executor may read it at this moment.
    const fresh = join(folder, ownName);
    try {
      writeFileSync(fresh, script);
      chmodSync(fresh, 0o755);
      renameSync(fresh, join(folder, name));
    } catch (thrown) {
      rmSync(fresh, { force: true });
      throw problemOf(folder, thrown);
    }
  }
  return folder;
}

/**
 * Launchers of MPIs start ranks by Slurm's srun unless told otherwise, which knows no function.
 *
 * An MPI binds the ranks of each of its programs to the node's first cores, as if they were its
 * own: functions would share one core while others are idle.
 */
const forMpi = {
  HYDRA_BOOTSTRAP: "fork",
  I_MPI_HYDRA_BOOTSTRAP: "fork",
  OMPI_MCA_hwloc_base_binding_policy: "none",
  PRTE_MCA_hwloc_default_binding_policy: "none",
  I_MPI_PIN: "off",
};

/**
 * The variables by which a function finds them: also in a bash that has set PATH itself, as login
 * shells do.
 */
export const stepVariables = (
  folder: string,
  { PATH = defaultPath, ...others }: Readonly<Record<string, string>>,
): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(forMpi).filter(([name]) => !(name in others))),
  PATH: `${folder}:${PATH}`,
  ...Object.fromEntries(
    Object.keys(programs).map((name) => [
      `BASH_FUNC_${name}%%`,
      `() { ${join(folder, name)} "$@"\n}`,
    ]),
  ),
});

/** How commands find the srun of functions; without a place for it, scripts that call it fail. */
export function stepsIn(
  cache: string,
  explain: (why: string) => void,
): { readonly steps: (environment: Readonly<Record<string, string>>) => Record<string, string> } {
  let folder: string | null = null;
  let told: string | null = null;
  /** Whenever it is missing: somebody may have emptied the cache. */
  const place = (): string | null => {
    try {
      if (folder === null || !existsSync(folder)) folder = placeStepNames(cache);
      return folder;
    } catch (thrown) {
      const why = messageOf(thrown);
      // Each command tries again, but a log on a full disk has no room for each.
      if (why !== told) explain(`functions have no srun: ${why}`);
      told = why;
      return null;
    }
  };
  place();
  return {
    steps: (environment) => {
      const at = place();
      return at === null ? {} : stepVariables(at, environment);
    },
  };
}
