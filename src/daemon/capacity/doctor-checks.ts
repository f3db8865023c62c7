// Checks of the doctor that warn of what a site's Slurm does to users.

import { sallocProblemOf } from "../../core/capacity/hook-check.js";
import { maxSlurmJobId } from "../../model/ids.js";
import type { DoctorCheck } from "../../wire/api/types.js";
import type { Capacity } from "./capacity.js";

type View = Pick<Capacity, "snapshot">;

/** The cost of the hook for batch jobs before it even runs. */
export function checkSalloc({ snapshot }: View): DoctorCheck[] {
  const detail = snapshot === null ? null : sallocProblemOf(snapshot.facts);
  return detail === null ? [] : [{ name: "start of salloc", status: "warning", detail }];
}

/** Jobs of a federation have the number of their cluster in front of their own. */
export function checkFederation({ snapshot }: View): DoctorCheck[] {
  const found = snapshot?.jobs.find(({ id }) => id > maxSlurmJobId);
  if (found === undefined) return [];
  const detail = `job ${found.id} belongs to a federation, whose ids begin where those of functions do (${maxSlurmJobId + 1}): Slurm's own scancel or scontrol could reach a job by the SLURM_JOB_ID of its owner's function; let functions use Gleaner's names (glean install-aliases), or harvest a cluster that is in no federation`;
  return [{ name: "federation", status: "warning", detail }];
}
