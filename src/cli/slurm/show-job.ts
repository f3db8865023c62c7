// What `scontrol show job` prints of an invocation.

import { dependencyText } from "../../model/dependency.js";
import type { Invocation } from "../../model/invocation.js";
import { outputPath } from "../../model/records/output-paths.js";
import { gresText } from "../../model/slurm/gres-counts.js";
import type { InvocationDetail } from "../../sdk/index.js";
import { memoryText } from "../formats/amounts.js";
import { elapsedMs, exitOf } from "../formats/sacct.js";
import { eligibleMs, endMs, type Line, startMs } from "../formats/squeue.js";
import { endReasonOf, partition, sentenceOf, stateOf } from "../formats/states.js";
import {
  accountOf,
  commandOf,
  errorFileOf,
  inputFileOf,
  outputFileOf,
  qosOf,
} from "../formats/submissions.js";
import type { Times } from "../formats/times.js";
import { printable } from "../output.js";
import { formatClock } from "../when.js";

type Pairs = Readonly<Record<string, string | number>>;

/** Lines of pairs in Slurm's order, or all of them in one line. */
export function jobText(
  { first, id, group }: Line,
  { submission }: Pick<InvocationDetail, "submission">,
  times: Times,
  isOneLine: boolean,
): string {
  const pairs = [
    { JobId: first.id, ...arrayPairs(first, id, submission), JobName: first.name },
    ...ownerPairs(first, group, submission),
    ...statePairs(first, submission),
    ...timePairs(first, submission, times),
    ...placePairs(first, submission),
    ...sizePairs(first, submission),
    ...filePairs(first, submission),
  ];
  const lines = pairs.map((line) =>
    Object.entries(line)
      .map(([key, value]) => `${key}=${printable(String(value))}`)
      .join(" "),
  );
  return isOneLine ? `${lines.join(" ")}\n` : `${lines.join("\n   ")}\n\n`;
}

type Submission = InvocationDetail["submission"];

/** Tasks that wait together are shown as one, `42_[3-7%2]`. */
function arrayPairs(
  { arrayJobId }: Invocation,
  id: string,
  { schedule: { mostRunning } = {} }: Submission,
): Pairs {
  if (arrayJobId === null) return {};
  return {
    ArrayJobId: arrayJobId,
    ArrayTaskId: id.slice(id.indexOf("_") + 1).replace(/[[\]]/g, ""),
    ...(mostRunning !== undefined && { ArrayTaskThrottle: mostRunning }),
  };
}

const ownerPairs = (
  { owner }: Invocation,
  group: string | undefined,
  submission: Submission,
): Pairs[] => [
  {
    UserId: `${owner.user}(${owner.uid})`,
    GroupId: `${group ?? owner.gid}(${owner.gid})`,
    MCS_label: "N/A",
  },
  {
    Priority: submission.schedule?.held ? 0 : 1,
    Nice: 0,
    Account: accountOf(submission) ?? "(null)",
    QOS: qosOf(submission) ?? "(null)",
  },
];

const statePairs = (invocation: Invocation, { schedule = {} }: Submission): Pairs[] => [
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
];

function timePairs(
  invocation: Line["first"],
  { schedule: { deadlineAtMs, beginAtMs } = {} }: Submission,
  { nowMs, text }: Times,
): Pairs[] {
  const { submittedAtMs, timeLimitMs } = invocation;
  const planned = { ...invocation, ...(beginAtMs !== undefined && { beginAtMs }) };
  const eligible = text(eligibleMs(planned));
  return [
    {
      RunTime: formatClock(elapsedMs(invocation, nowMs)),
      TimeLimit: formatClock(timeLimitMs),
      TimeMin: "N/A",
    },
    { SubmitTime: text(submittedAtMs), EligibleTime: eligible },
    { AccrueTime: eligible },
    {
      StartTime: text(startMs(planned)),
      EndTime: text(endMs(planned)),
      Deadline: deadlineAtMs === undefined ? "N/A" : text(deadlineAtMs),
    },
    { SuspendTime: "None", SecsPreSuspend: 0, LastSchedEval: "Unknown" },
  ];
}

function placePairs(
  { node, state }: Invocation,
  { where = {}, submitHost = "(null)" }: Submission,
): Pairs[] {
  const isPlaced = node !== null && state !== "PENDING";
  return [
    { Partition: partition, "AllocNode:Sid": `${submitHost}:0` },
    { ReqNodeList: where.node ?? "(null)", ExcNodeList: where.exclude ?? "(null)" },
    { NodeList: isPlaced ? node : "" },
    ...(isPlaced ? [{ BatchHost: node }] : []),
  ];
}

function sizePairs(
  { cores, memoryMb, gpus, node, state }: Invocation,
  { ntasks: tasks = 1, where = {} }: Submission,
): Pairs[] {
  const gres = gpus > 0 ? `,gres/gpu=${gpus}` : "";
  const tres = `cpu=${cores},mem=${memoryText(memoryMb)},node=1,billing=${cores}${gres}`;
  return [
    {
      NumNodes: 1,
      NumCPUs: cores,
      NumTasks: tasks,
      "CPUs/Task": Math.max(1, Math.floor(cores / tasks)),
      "ReqB:S:C:T": "0:0:*:*",
    },
    { ReqTRES: tres },
    { AllocTRES: node === null || state === "PENDING" ? "(null)" : tres },
    { "Socks/Node": "*", "NtasksPerN:B:S:C": "0:0:*:*", CoreSpec: "*" },
    {
      MinCPUsNode: cores,
      MinMemoryNode: memoryText(memoryMb),
      MinTmpDiskNode: memoryText(where.temporaryMb ?? 0).replace(/^0M$/, "0"),
    },
    { Features: where.constraint ?? "(null)", DelayBoot: "00:00:00" },
    { OverSubscribe: "OK", Contiguous: 0, Licenses: "(null)", Network: "(null)" },
    ...(where.gres === undefined ? [] : [{ TresPerNode: gresText(where.gres) }]),
  ];
}

const systemComment = (sentence: string | null): Pairs[] =>
  sentence === null ? [] : [{ SystemComment: sentence }];

const filePairs = (invocation: Invocation, submission: Submission): Pairs[] => [
  { Command: commandOf(submission) },
  { WorkDir: submission.workingDirectory },
  ...(submission.comment === undefined ? [] : [{ Comment: submission.comment }]),
  ...systemComment(sentenceOf(invocation)),
  ...filesOf(invocation, submission),
];

/** Scripts look for their own files here; where and as which task is known once it has started. */
function filesOf(invocation: Invocation, submission: Submission): Pairs[] {
  if (invocation.startedAtMs === null)
    return [
      { StdErr: errorFileOf(submission, invocation) },
      { StdIn: inputFileOf(submission) },
      { StdOut: outputFileOf(submission, invocation) },
    ];
  const { stdoutPattern, stderrPattern, stdinPattern = "/dev/null", workingDirectory } = submission;
  const filled = (pattern: string | null) =>
    outputPath(pattern, invocation, invocation.node ?? "%N", workingDirectory);
  return [
    { StdErr: filled(stderrPattern ?? stdoutPattern) },
    { StdIn: filled(stdinPattern) },
    { StdOut: filled(stdoutPattern) },
  ];
}
