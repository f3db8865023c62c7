// The doctor's checks of Slurm: whether gleanerd can read it, and what its configuration does to
// batch jobs, functions and users.

import type { Config } from "../../config.js";
import { hookProblemOf, sallocProblemOf } from "../../core/capacity/hook-check.js";
import { describeStale } from "../../core/explain/waiting.js";
import { counted } from "../../model/counted.js";
import { maxSlurmJobId } from "../../model/ids.js";
import type { Node } from "../../model/slurm/node.js";
import type { ClusterFacts, Snapshot } from "../../model/slurm/snapshot.js";
import type { DoctorCheck } from "../../wire/api/types.js";
import type { Capacity } from "./capacity.js";

type View = Pick<Capacity, "snapshot">;
type Verdict = Pick<DoctorCheck, "status" | "detail">;

const ok = (detail: string): Verdict => ({ status: "ok", detail });
const warning = (detail: string): Verdict => ({ status: "warning", detail });
const failed = (detail: string): Verdict => ({ status: "failed", detail });

const unread = "gleanerd has not read Slurm yet: try again in a few seconds";

/** The oldest release on which the parsers were tested. */
const oldestSlurm = 22.05;

export function checkSlurm(
  capacity: Pick<Capacity, "snapshot" | "snapshotAgeMs" | "stale" | "problem">,
): DoctorCheck {
  return { name: "slurmctld", ...verdictOnReads(capacity) };
}

function verdictOnReads({
  snapshot,
  snapshotAgeMs,
  stale,
  problem,
}: Parameters<typeof checkSlurm>[0]): Verdict {
  if (snapshot === null) return failed(problem ?? unread);
  if (stale) return failed(problem ?? describeStale(null));
  if (problem !== null) return warning(`the last read failed: ${problem}`);
  const { nodes, facts, unreadable } = snapshot;
  if (unreadable.length > 0)
    return warning(
      `${counted(unreadable.length, "line")} could not be read, for example: ${unreadable[0]}`,
    );
  return ok(
    `cluster ${facts.clusterName}, ${counted(nodes.length, "node")}, read ${snapshotAgeMs} ms ago`,
  );
}

export function checkVersion({ snapshot }: View): DoctorCheck {
  const name = "Slurm version";
  const version = snapshot?.facts.version ?? "";
  const release = Number.parseFloat(version);
  if (Number.isNaN(release)) return { name, ...warning("not yet known") };
  return release >= oldestSlurm
    ? { name, ...ok(version) }
    : { name, ...warning(`${version} is older than ${oldestSlurm}, the oldest tested release`) };
}

/** Whether slurmd has loaded the plugin is checked per node. */
const hookConfigured = {
  prolog: "Prolog, Epilog and PrologFlags=Alloc are set",
  spank: "PrologFlags=Alloc is set; executors look for the plugin in plugstack.conf and in slurmd",
} as const;

export function checkHookConfig({ snapshot }: View, programs: Config["programs"]): DoctorCheck {
  const name = "hook in slurm.conf";
  if (snapshot === null) return { name, ...failed(unread) };
  const problem = hookProblemOf(snapshot.facts, programs);
  return { name, ...(problem === null ? ok(hookConfigured[programs.hook]) : failed(problem)) };
}

/** The cost of the hook for batch jobs before it even runs. */
export function checkSalloc({ snapshot }: View): DoctorCheck[] {
  const detail = snapshot === null ? null : sallocProblemOf(snapshot.facts);
  return detail === null ? [] : [{ name: "start of salloc", ...warning(detail) }];
}

export function checkMemory({ snapshot }: View): DoctorCheck {
  return {
    name: "memory of jobs",
    ...(snapshot === null ? warning(unread) : verdictOnMemory(snapshot)),
  };
}

function verdictOnMemory({ nodes, facts }: Snapshot): Verdict {
  if (!facts.memoryIsConsumable)
    return warning(
      "Slurm does not count memory here (SelectTypeParameters), so functions get only the memory share of their cores: set CR_Core_Memory to show the memory that is really free",
    );
  if (facts.coreSpecIsHidden)
    return warning(
      "jobs may leave cores to the system (AllowSpecResourcesUsage), which Slurm before 23.02 does not report to the prolog, so each job that starts on a node evicts every function there",
    );
  if (facts.maxMemoryPerCoreMb === null)
    return warning(
      "slurm.conf sets no MaxMemPerCPU, so each job that starts on a node evicts every function there: set it to keep the others running",
    );
  return ok(boundOfMemory(nodes, facts));
}

function boundOfMemory(nodes: readonly Node[], { maxMemoryPerCoreMb }: ClusterFacts): string {
  const withGres = nodes.filter(({ hasGres }) => hasGres).length;
  const bound = `a job has at most ${maxMemoryPerCoreMb} MB for each of its CPUs (MaxMemPerCPU), unless it asks for --overcommit`;
  if (withGres === 0) return bound;
  const places =
    withGres === nodes.length ? "on all nodes" : `on ${withGres} of ${nodes.length} nodes`;
  return `${bound}; this does not hold ${places}, which have GPUs or other generic resources: each job that starts there evicts every function`;
}

/** Where this fails, glean explain gives each node's reason. */
export function checkPinning({ snapshot }: View): DoctorCheck {
  const name = "idle rest of nodes";
  if (snapshot === null) return { name, ...warning(unread) };
  return {
    name,
    ...ok(
      snapshot.facts.jobsArePinned
        ? "used: jobs are pinned to cores (TaskPlugin), so gleanerd asks Slurm for each job's cores"
        : "used: jobs are not pinned to particular cores",
    ),
  };
}

/** Jobs of a federation have the number of their cluster in front of their own. */
export function checkFederation({ snapshot }: View): DoctorCheck[] {
  const found = snapshot?.jobs.find(({ id }) => id > maxSlurmJobId);
  if (found === undefined) return [];
  const detail = `job ${found.id} belongs to a federation, whose ids begin where those of functions do (${maxSlurmJobId + 1}): Slurm's own scancel or scontrol could reach a job by the SLURM_JOB_ID of its owner's function; let functions use Gleaner's names (glean install-aliases), or harvest a cluster that is in no federation`;
  return [{ name: "federation", ...warning(detail) }];
}
