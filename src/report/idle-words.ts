// The parts of idle core-time as people read them: a name for a table, and a sentence that says what would change it.

import { type IdlePart, idleParts } from "../model/records/idle.js";
import type { Utilization } from "../model/records/utilization.js";

interface Words {
  readonly name: string;
  readonly meaning: string;
  /** Which of the report's colours it has. */
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
  running: held("work that still ran", "Functions without an end when the report was made."),
  evicted: held(
    "lost to eviction",
    "Functions that a batch job displaced: not billed, they run again.",
  ),
  lost: held(
    "lost with an executor",
    "Functions whose executor vanished, or did not answer the hook in time and was killed.",
  ),
  unplaced: held(
    "held while work waited",
    "What waited did not fit or would not have ended in time, or its order was on its way.",
  ),
  noDemand: held("no demand", "Held ready, and nothing waited."),
  starting: missed("start-up", "A hole without a ready executor: it was being started."),
  unseen: missed("not yet seen", "Freed by a job, until Slurm was read again."),
  completing: missed(
    "job leaving",
    "Slurm keeps a node from everybody until the epilogs of a job have ended.",
  ),
  tooShort: missed("too short", "A job was planned to start sooner than an executor is worth it."),
  vacated: missed("vacated early", "Given up just before a planned start."),
  memory: missed("memory", "Cores without enough free memory beside them."),
  pinned: missed("jobs pinned", "Which cores the jobs there are bound to is not known."),
  interference: missed(
    "job suffered",
    "A batch job there suffered beside functions: executors stay away for a while.",
  ),
  state: missed("unusable state", "Slurm shows a state in which the node may not be used."),
  unknownState: missed("unknown state", "Slurm shows a state that Gleaner does not know."),
  owner: missed("exclusive to a user", "Slurm keeps the node for one user (--exclusive=user)."),
  partition: missed("partition left out", "No partition of the node is in placement.partitions."),
  noHook: missed(
    "no hook",
    "slurm.conf or the node does not assure the hook, or the preemption of pilots: see glean doctor.",
  ),
  drained: missed("drained", "An operator took the node out of Gleaner."),
  launchFailing: missed("start fails", "Executors could not be started there: see glean doctor."),
  stale: missed("stale view", "slurmctld did not answer, so nothing was started or grown."),
  unrecorded: missed("not recorded", "Nothing is known of the reason."),
};

/** The parts that are there, in the order of the report. */
export const partsThere = ({ idleParts: sums }: Utilization): readonly IdlePart[] =>
  idleParts.filter((part) => sums[part] > 0);
