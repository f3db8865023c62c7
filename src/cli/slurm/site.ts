// What Gleaner looks like to somebody who uses Slurm's commands: one partition, no accounts.

import type { OnUnknown } from "../formats/format-parts.js";
import { partition } from "../formats/states.js";
import { complain } from "../output.js";

/** As long as slurmctld keeps jobs that have ended (MinJobAge). */
export const keptMs = 300_000;

/** No partition is asked for, or ours is among those. */
export const isOurPartition = (asked: string | undefined): boolean =>
  asked === undefined || asked.split(",").includes(partition);

/** The caller's own, by the uid, which munge conveys. */
export const own = { user: String(process.geteuid!()) };

/** What is no field in a format is told, in Slurm's words, and the list is printed without it. */
export const leavingOut =
  (program: string, of: "job" | "job step" | "node" = "job"): OnUnknown =>
  (word) =>
    complain(`error: Invalid ${of} format specification: ${word}`, program);

/** As in `Sun Nov 29 08:10:28 2026`, above long lists. */
export const dateLine = (ms: number): string =>
  `${new Date(ms).toString().replace(/^(\w+ \w+ \d+) (\d+) ([\d:]+).*$/, "$1 $3 $2")}\n`;
