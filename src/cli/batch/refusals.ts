// Options that are refused: gleanerd counts their names, so that a site sees what to enable.

import { clearTimeout, setTimeout } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import type { GleanerClient } from "../../sdk/index.js";
import { judgeForeign } from "./options/foreign-options.js";
import { sbatchOptions } from "./options/sbatch-options.js";

/** sbatch's and srun's exit status for options that they do not understand. */
export const misunderstood = 255;
/** Their exit status for any other failure. */
export const failed = 1;

/** The refusal of a submission, with the options that are to blame; in other programs, sbatch's. */
export class RefusedOptions extends GleanerError {
  constructor(
    message: string,
    readonly options: readonly string[],
    /** What sbatch and srun exit with. */
    readonly slurmStatus: typeof misunderstood | typeof failed = misunderstood,
  ) {
    super("BAD_REQUEST", message);
  }
}

/** The user does not wait longer for the answer to a wrong submission. */
const tellMs = 1_000;

/** Tells gleanerd which options were refused, and nothing else of the script. */
export async function tellRefusal(
  connect: () => Promise<Pick<GleanerClient, "refused">>,
  thrown: unknown,
): Promise<void> {
  if (!(thrown instanceof RefusedOptions) || thrown.options.length === 0) return;
  const told = connect()
    .then((client) => client.refused({ options: thrown.options }))
    // The submission is refused either way, and that is what its user is told.
    .catch(() => null);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, tellMs);
    void told.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** What a site may set for options that it could accept. */
const settings: Readonly<Record<string, string>> = {
  time: "it is longer than functions.maxTimeLimitMs: raise that, or set functions.lowerTimeLimit",
  "no-requeue": "functions.noRequeue is `refuse`: `once` accepts it",
  "cpus-per-task": "no node has that many cores",
  mem: "no node has that much memory",
  gpus: "no node has that many GPUs of the type for functions",
  gres: "no node has that much of a resource that Slurm counts",
  tmp: "no node has that much space (TmpDisk)",
  constraint: "no node has these features, or it counts nodes",
  nodelist: "it names several nodes, or one that the cluster does not have",
};

/** Why an option is refused, for people. */
export function whyRefused(option: string): string {
  const own = settings[option];
  if (own !== undefined) return own;
  const verdict = sbatchOptions.some(({ name }) => name === option)
    ? judgeForeign(option, "2")
    : null;
  return verdict !== null && "refuse" in verdict ? verdict.refuse : "its values were invalid";
}
