// What `scontrol show job` prints of an invocation.

import { dependencyText } from "../../model/dependency.js";
import type { Invocation } from "../../model/invocation.js";
import { gresText } from "../../model/slurm/gres-counts.js";
import type { InvocationDetail } from "../../sdk/index.js";
import { memoryText } from "../formats/amounts.js";
import { elapsedMs, exitOf } from "../formats/sacct.js";
import { endReasonOf, partition, stateOf } from "../formats/states.js";
import {
  accountOf,
  commandOf,
  errorFileOf,
  inputFileOf,
  outputFileOf,
  qosOf,
} from "../formats/submissions.js";
import { printable } from "../output.js";
import { formatClock, formatWhen } from "../when.js";

type Pairs = Readonly<Record<string, string | number>>;

/** Lines of pairs in Slurm's order, or all of them in one line. */
export function jobText(detail: InvocationDetail, nowMs: number, isOneLine: boolean): string {
  const lines = pairsOf(detail, nowMs).map((pairs) =>
    Object.entries(pairs)
      .map(([key, value]) => `${key}=${printable(String(value))}`)
      .join(" "),
  );
  return isOneLine ? `${lines.join(" ")}\n` : `${lines.join("\n   ")}\n\n`;
}

function pairsOf({ invocation, submission }: InvocationDetail, nowMs: number): Pairs[] {
  const { id, arrayJobId, arrayTaskId, owner, name, node } = invocation;
  const { schedule = {}, where = {} } = submission;
  const { mostRunning } = schedule;
  const array = arrayJobId === null ? {} : { ArrayJobId: arrayJobId, ArrayTaskId: arrayTaskId! };
  const limit = mostRunning === undefined ? {} : { ArrayTaskThrottle: mostRunning };
  return [
    { JobId: id, ...array, ...limit, JobName: name },
    { UserId: `${owner.user}(${owner.uid})`, GroupId: owner.gid, MCS_label: "N/A" },
    {
      Priority: schedule.held ? 0 : 1,
      Nice: 0,
      Account: accountOf(submission) ?? "(null)",
      QOS: qosOf(submission) ?? "(null)",
    },
    {
      JobState: stateOf(invocation),
      Reason: endReasonOf(invocation),
      Dependency: dependencyText(schedule) || "(null)",
    },
    {
      Requeue: schedule.once ? 0 : 1,
      Restarts: Math.max(0, invocation.attempt - 1),
      BatchFlag: 1,
      Reboot: 0,
      ExitCode: exitOf(invocation),
    },
    {
      RunTime: formatClock(elapsedMs(invocation, nowMs)),
      TimeLimit: formatClock(invocation.timeLimitMs),
      TimeMin: "N/A",
    },
    { SubmitTime: formatWhen(invocation.submittedAtMs), EligibleTime: eligibleOf(invocation) },
    {
      StartTime: formatWhen(invocation.startedAtMs),
      EndTime: formatWhen(invocation.endedAtMs),
      Deadline: schedule.deadlineAtMs === undefined ? "N/A" : formatWhen(schedule.deadlineAtMs),
    },
    { Partition: partition },
    { ReqNodeList: where.node ?? "(null)", ExcNodeList: where.exclude ?? "(null)" },
    { NodeList: node ?? "", BatchHost: node ?? "" },
    ...sizePairs(invocation, submission),
    { Features: where.constraint ?? "(null)", DelayBoot: "00:00:00" },
    { Command: commandOf(submission) },
    { WorkDir: submission.workingDirectory },
    { StdErr: errorFileOf(submission, invocation) },
    { StdIn: inputFileOf(submission) },
    { StdOut: outputFileOf(submission, invocation) },
    ...(submission.comment === undefined ? [] : [{ Comment: submission.comment }]),
  ];
}

function sizePairs(
  { cores, memoryMb, gpus, node, state }: Invocation,
  { ntasks: tasks = 1, where = {} }: InvocationDetail["submission"],
): Pairs[] {
  const gres = gpus > 0 ? `,gres/gpu=${gpus}` : "";
  const tres = `cpu=${cores},mem=${memoryText(memoryMb)},node=1,billing=${cores}${gres}`;
  return [
    {
      NumNodes: 1,
      NumCPUs: cores,
      NumTasks: tasks,
      "CPUs/Task": Math.max(1, Math.floor(cores / tasks)),
    },
    { ReqTRES: tres },
    { AllocTRES: node === null || state === "PENDING" ? "(null)" : tres },
    {
      MinCPUsNode: cores,
      MinMemoryNode: memoryText(memoryMb),
      MinTmpDiskNode: memoryText(where.temporaryMb ?? 0).replace(/^0M$/, "0"),
    },
    ...(where.gres === undefined ? [] : [{ TresPerNode: gresText(where.gres) }]),
  ];
}

const eligibleOf = ({ submittedAtMs }: Invocation): string => formatWhen(submittedAtMs);
