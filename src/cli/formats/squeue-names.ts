// squeue's `-O`: fields by their names, such as `JobID:8,State:.10`.

import { memoryText } from "./amounts.js";
import { type OnUnknown, partsNamed } from "./format-parts.js";
import {
  eligibleMs,
  type Field,
  field,
  fields,
  fixed,
  moment,
  ofSubmission,
  type SqueuePart,
  stepFields,
} from "./squeue.js";
import { sentenceOf } from "./states.js";
import { errorFileOf, inputFileOf, outputFileOf } from "./submissions.js";

/** Fields that no letter has. */
const wordy: Readonly<Record<string, Field>> = {
  restartcnt: field("RESTART_COUNT", ({ first }) => String(Math.max(0, first.attempt - 1))),
  exit_code: field("EXIT_CODE", ({ first }) => String(first.exitCode ?? 0)),
  "tres-alloc": field("TRES_ALLOC", ({ first: { cores, memoryMb, gpus } }) => {
    const gres = gpus > 0 ? `,gres/gpu=${gpus}` : "";
    return `cpu=${cores},mem=${memoryText(memoryMb)},node=1,billing=${cores}${gres}`;
  }),
  system_comment: field("SYSTEM_COMMENT", ({ first }) => sentenceOf(first) ?? "(null)"),
  "cpus-per-task": field("CPUS_PER_TASK", ({ first }) => String(first.cores)),
  maxcpus: field("MAX_CPUS", ({ first }) => String(first.cores)),
  numtasks: ofSubmission("TASKS", ({ ntasks }) => String(ntasks ?? 1)),
  stderr: ofSubmission("STDERR", errorFileOf),
  stdin: ofSubmission("STDIN", inputFileOf),
  stdout: ofSubmission("STDOUT", outputFileOf),
  requeue: ofSubmission("REQUEUE", ({ schedule }) => (schedule?.once ? "0" : "1")),
  accruetime: moment("ACCRUE_TIME", eligibleMs),
  eligibletime: moment("ELIGIBLE_TIME", eligibleMs),
  pendingtime: field("PENDING_TIME", ({ first }, { nowMs }) => {
    const untilMs = first.state === "PENDING" ? nowMs : (first.startedAtMs ?? first.submittedAtMs);
    return String(Math.max(0, Math.floor((untilMs - first.submittedAtMs) / 1_000)));
  }),
};

/** Names of fields, and the letter that prints the same. */
const letters: Readonly<Record<string, string>> = {
  jobid: "A",
  jobarrayid: "i",
  arrayjobid: "F",
  arraytaskid: "K",
  name: "j",
  username: "u",
  userid: "U",
  groupid: "G",
  statecompact: "t",
  state: "T",
  numcpus: "C",
  mincpus: "c",
  minmemory: "m",
  numnodes: "D",
  nodelist: "N",
  batchhost: "B",
  reasonlist: "R",
  reason: "r",
  timeused: "M",
  timelimit: "l",
  timeleft: "L",
  starttime: "S",
  endtime: "e",
  submittime: "V",
  partition: "P",
  account: "a",
  qos: "q",
  dependency: "E",
  feature: "f",
  reservation: "v",
  prioritylong: "Q",
  priority: "p",
  schednodes: "Y",
  "tres-per-node": "b",
  workdir: "Z",
  command: "o",
  comment: "k",
  contiguous: "O",
  corespec: "X",
  cores: "I",
  threads: "J",
  excnodes: "x",
  groupname: "g",
  licenses: "W",
  mintmpdisk: "d",
  nice: "y",
  oversubscribe: "h",
  reqnodes: "n",
  sct: "z",
  sockets: "H",
  wckey: "w",
};

/** Names, titles and what squeue prints of a job without such a thing. */
const empty: readonly (readonly [name: string, title: string, text: string])[] = `
admin_comment ADMIN_COMMENT (null)|allocnodes ALLOC_NODES N/A
allocsid ALLOC_SID 0|associd ASSOC_ID 0|batchflag BATCH_FLAG 1|boardspernode BOARDS_PER_NODE 0
burstbuffer BURST_BUFFER (null)|burstbufferstate BURST_BUFFER_STATE (null)|cluster CLUSTER N/A
clusterfeature CLUSTER_FEATURES (null)|container CONTAINER (null)|containerid CONTAINER_ID (null)
cpus-per-tres CPUS_PER_TRES N/A|deadline DEADLINE N/A|delayboot DELAY_BOOT 0:00
derivedec DERIVED_EC 0|hetjobid HET_JOB_ID N/A
hetjobidset HET_JOB_ID_SET N/A|hetjoboffset HET_JOB_OFFSET N/A|lastschedeval LAST_SCHED_EVAL N/A
maxnodes MAX_NODES 1|mcslabel MCSLABEL (null)|mem-per-tres MEM_PER_TRES N/A|mintime TIME_MIN 0:00
network NETWORK (null)|ntperboard NTASKS_PER_BOARD 0|ntpercore NTASKS_PER_CORE N/A
ntpernode NTASKS_PER_NODE 0|ntpersocket NTASKS_PER_SOCKET N/A|originraw ORIGIN_RAW NA
preempttime PREEMPT_TIME N/A|profile PROFILE NotSet|reqswitch REQ_SWITCH 0
resizetime RESIZE_TIME N/A|siblingsactive ACTIVE_SIBLINGS NA
siblingsactiveraw ACTIVE_SIBLINGS_RAW NA|siblingsviable VIABLE_SIBLINGS NA
siblingsviableraw VIABLE_SIBLINGS_RAW NA|sperboard SOCKETS_PER_BOARD 0
tres-bind TRES_BIND N/A|tres-freq TRES_FREQ N/A
tres-per-job TRES_PER_JOB N/A|tres-per-socket TRES_PER_SOCKET N/A|tres-per-task TRES_PER_TASK N/A`
  .trim()
  .split(/[|\n]/)
  .map((line) => line.split(" ") as [string, string, string]);

const named: ReadonlyMap<string, Field> = new Map([
  ...empty.map(([name, title, text]) => [name, fixed(title, text)] as const),
  ...Object.entries(letters).map(([name, letter]) => [name, fields[letter]!] as const),
  ...Object.entries(wordy),
]);

export const squeuePartsNamed = (format: string, onUnknown?: OnUnknown): SqueuePart[] =>
  partsNamed(format, named, onUnknown);

/** With `--steps`, which has names of its own for the fields of a step. */
const namedOfSteps: ReadonlyMap<string, Field> = new Map([
  ...named,
  ["stepid", stepFields.i!],
  ["stepname", stepFields.j!],
  ["stepstate", stepFields.T!],
  ["numtasks", stepFields.A!],
  ["nodes", stepFields.N!],
]);

export const stepPartsNamed = (format: string, onUnknown: OnUnknown): SqueuePart[] =>
  partsNamed(format, namedOfSteps, onUnknown);
