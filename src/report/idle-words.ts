// Names and explains the parts of idle core-time.

import { type IdlePart, idleParts } from "../model/records/idle.js";
import type { Utilization } from "../model/records/utilization.js";

interface Words {
  readonly name: string;
  readonly meaning: string;
  /** The part's colour in the report. */
  readonly colour: "useful" | "held" | "missed";
}

const held = (name: string, meaning: string): Words => ({ name, meaning, colour: "held" });
const missed = (name: string, meaning: string): Words => ({ name, meaning, colour: "missed" });

export const idleWords: Readonly<Record<IdlePart, Words>> = {
  useful: {
    name: "finished work",
    meaning: "Functions that ended and were billed.",
    colour: "useful",
  },
  running: held("running work", "Functions that had not ended when the report was made."),
  evicted: held(
    "lost to eviction",
    "Functions that a batch job displaced: they are not billed unless leased, and run again.",
  ),
  lost: held(
    "lost with an executor",
    "Functions whose executor disappeared, or was killed because it did not answer the hook in time.",
  ),
  unplaced: held(
    "held while work waited",
    "Waiting functions did not fit, would not have ended in time, or were about to start.",
  ),
  noDemand: held("no demand", "Held ready, but no function waited."),
  starting: missed("start-up", "The executor of the hole was starting."),
  unseen: missed(
    "not yet seen",
    "A job had freed the cores, and gleanerd had not read Slurm again.",
  ),
  completing: missed(
    "job leaving",
    "Slurm does not release a node until the epilogs of a job have ended.",
  ),
  tooShort: missed(
    "too short",
    "A job was planned to start too soon for an executor to be worthwhile.",
  ),
  vacated: missed("vacated early", "The executor left just before a planned start."),
  memory: missed("memory", "Too little memory was free for the idle cores."),
  pinned: missed("jobs pinned", "Gleaner does not know to which cores the node's jobs are bound."),
  interference: missed(
    "interference",
    "Functions disturbed a batch job there: executors stay away for a while.",
  ),
  state: missed("unusable state", "The node's state in Slurm prevents its use."),
  unknownState: missed("unknown state", "Gleaner does not know the node's state in Slurm."),
  owner: missed("exclusive to a user", "Slurm keeps the node for one user (--exclusive=user)."),
  partition: missed("partition excluded", "No partition of the node is in placement.partitions."),
  noHook: missed(
    "no hook",
    "The node hook, or the preemption of pilots, is not guaranteed: run glean doctor.",
  ),
  drained: missed("drained", "An operator took the node out of Gleaner."),
  launchFailing: missed(
    "executor starts fail",
    "Executors could not be started there: run glean doctor.",
  ),
  stale: missed(
    "stale view",
    "slurmctld did not answer, so gleanerd started and grew no executors.",
  ),
  unrecorded: missed("not recorded", "No reason was recorded."),
};

/** Returns the parts above zero, in the order of the report. */
export const partsThere = ({ idleParts: sums }: Utilization): readonly IdlePart[] =>
  idleParts.filter((part) => sums[part] > 0);
