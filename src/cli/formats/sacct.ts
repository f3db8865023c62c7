// sacct's fields, and its `--format`: names separated by commas, with widths as in `State%20`.

import { GleanerError } from "../../model/errors.js";
import { leaseShares } from "../../model/functions/lease.js";
import type { InvocationId } from "../../model/ids.js";
import { displayId, type Invocation, submissionIdOf } from "../../model/invocation.js";
import { nearest } from "../../model/nearest.js";
import { type Column, printable } from "../output.js";
import { formatClock } from "../when.js";
import { cutTo, fill } from "../width.js";
import { memoryText, type Units, wholeUnits } from "./amounts.js";
import { eligibleMs } from "./squeue.js";
import { hasRun, partition, reasonOf, sentenceOf, stateOf } from "./states.js";
import {
  accountOf,
  errorFileOf,
  inputFileOf,
  outputFileOf,
  qosOf,
  type Submission,
} from "./submissions.js";
import type { Times } from "./times.js";

/** sacct's `exit:signal`, which is never 0:0 for what failed: 0:53 is Slurm's if nothing ran. */
export function exitOf(invocation: Invocation): string {
  const { exitCode, signal } = invocation;
  if (exitCode !== null || signal !== null) return `${exitCode ?? 0}:${signal ?? 0}`;
  if (stateOf(invocation) !== "FAILED") return "0:0";
  return hasRun(invocation) ? "1:0" : "0:53";
}

/**
 * The executor measured the time of a finished invocation; the local clock serves for a running
 * one.
 */
export const elapsedMs = ({ state, startedAtMs, wallMs }: Invocation, nowMs: number): number =>
  state === "RUNNING" ? Math.max(0, nowMs - (startedAtMs ?? nowMs)) : (wallMs ?? 0);

/** What it is billed for: less than its elapsed time if it shared a worker with other calls. */
export const coreMs = (each: Invocation, nowMs: number): number =>
  (each.shareMs ?? elapsedMs(each, nowMs)) * each.cores;

const seconds = (ms: number): string => String(Math.floor(ms / 1_000));
const tresOf = ({ cores, memoryMb, gpus }: Invocation, units: Units): string =>
  `billing=${cores},cpu=${cores},${gpus > 0 ? `gres/gpu=${gpus},` : ""}mem=${memoryText(memoryMb, units)},node=1`;
const ran = (each: Invocation, text: string): string => (each.startedAtMs === null ? "" : text);

/** The parts of a leased worker's core-time by which it is billed; null before it has ended. */
export function billedParts({ cores, wallMs, cpuMs, hotMs }: Invocation) {
  if (hotMs === undefined || wallMs === null || cpuMs === null) return null;
  return leaseShares(cores * wallMs, cpuMs, hotMs);
}

type Text = (each: Invocation, times: Times, units: Units) => string;
const none: Text = () => "";
const peakOf: Text = ({ maxRssMb }, _, units) =>
  maxRssMb === null || maxRssMb === 0 ? "" : memoryText(maxRssMb, units);

/** sacct's `MM:SS.mmm`, with hours and days from an hour on. */
const preciseClock = (ms: number): string =>
  ms >= hourMs
    ? formatClock(ms)
    : `${formatClock(ms).slice(3)}.${String(ms % 1_000).padStart(3, "0")}`;
const hourMs = 3_600_000;

/** What Gleaner has nothing like is empty, as sacct leaves it. */
const fields: Readonly<Record<string, Text>> = {
  JobID: displayId,
  JobIDRaw: ({ id }) => String(id),
  JobName: ({ name }) => name,
  User: ({ owner }) => owner.user,
  UID: ({ owner }) => String(owner.uid),
  GID: ({ owner }) => String(owner.gid),
  AllocCPUS: ({ cores }) => String(cores),
  ReqCPUS: ({ cores }) => String(cores),
  NCPUS: ({ cores }) => String(cores),
  CPUs: ({ cores }) => String(cores),
  State: (each) =>
    stateOf(each) === "CANCELLED" ? `CANCELLED by ${each.owner.uid}` : stateOf(each),
  ExitCode: exitOf,
  // The highest status of the steps that srun started, of which no record is kept.
  DerivedExitCode: () => "0:0",
  Submit: ({ submittedAtMs }, { text }) => text(submittedAtMs),
  Start: ({ startedAtMs }, { text }) => text(startedAtMs),
  End: ({ endedAtMs }, { text }) => text(endedAtMs),
  Elapsed: (each, { nowMs }) => formatClock(elapsedMs(each, nowMs)),
  ElapsedRaw: (each, { nowMs }) => seconds(elapsedMs(each, nowMs)),
  CPUTime: (each, { nowMs }) => formatClock(elapsedMs(each, nowMs) * each.cores),
  CPUTimeRAW: (each, { nowMs }) => seconds(elapsedMs(each, nowMs) * each.cores),
  Timelimit: ({ timeLimitMs }) => formatClock(timeLimitMs),
  TimelimitRaw: ({ timeLimitMs }) => String(Math.ceil(timeLimitMs / 60_000)),
  NodeList: ({ node, state }) => (state === "PENDING" ? "None assigned" : (node ?? "")),
  NNodes: () => "1",
  AllocNodes: (each) => ran(each, "1"),
  NTasks: none,
  ReqMem: ({ memoryMb }, _, units) => memoryText(memoryMb, units),
  ReqTRES: (each, _, units) => tresOf(each, units),
  AllocTRES: (each, _, units) => ran(each, tresOf(each, units)),
  Reason: reasonOf,
  SystemComment: (each) => sentenceOf(each) ?? "",
  Restarts: ({ attempt }) => String(Math.max(0, attempt - 1)),
  CoreMs: (each, { nowMs }) => String(coreMs(each, nowMs)),
  HeldMs: (each) => String(billedParts(each)?.heldMs ?? 0),
  HotMs: (each) => String(billedParts(each)?.hotMs ?? 0),
  Partition: () => partition,
  Group: ({ owner }) => String(owner.gid),
  Priority: () => "0",
  MaxRSS: peakOf,
  AveRSS: peakOf,
  TotalCPU: ({ cpuMs }) => (cpuMs === null ? "" : preciseClock(cpuMs)),
  Planned: ({ submittedAtMs, startedAtMs }) =>
    startedAtMs === null ? "" : formatClock(Math.max(0, startedAtMs - submittedAtMs)),
  Suspended: () => "00:00:00",
  Flags: none,
};

type SubmissionText = (submission: Submission, each: Invocation, times: Times) => string;

const submissionFields: Readonly<Record<string, SubmissionText>> = {
  Eligible: ({ schedule: { beginAtMs } = {} }, each, { text }) =>
    text(eligibleMs({ ...each, ...(beginAtMs !== undefined && { beginAtMs }) })),
  Account: (of) => accountOf(of) ?? "",
  QOS: (of) => qosOf(of) ?? "",
  Comment: ({ comment = "" }) => comment,
  WorkDir: ({ workingDirectory }) => workingDirectory,
  StdErr: errorFileOf,
  StdIn: inputFileOf,
  StdOut: outputFileOf,
};

/** Whether a column is about submissions, which have to be asked for. */
export const isOfSubmission = ({ title }: Column<Invocation>): boolean =>
  Object.hasOwn(submissionFields, title);

const ofSubmission =
  (text: SubmissionText | undefined, submissions: ReadonlyMap<InvocationId, Submission>): Text =>
  (each, times) => {
    const submission = submissions.get(submissionIdOf(each));
    return text === undefined || submission === undefined ? "" : text(submission, each, times);
  };

/** sacct's other fields, of which Gleaner has nothing. */
const others = `
AdminComment AssocID AveCPU AveCPUFreq AveDiskRead AveDiskWrite AvePages AveVMSize BlockID
Cluster Constraints ConsumedEnergy ConsumedEnergyRaw Container DBIndex Exclusive Extra
FailedNode Layout Licenses MaxDiskRead MaxDiskReadNode MaxDiskReadTask MaxDiskWrite MaxDiskWriteNode
MaxDiskWriteTask MaxPages MaxPagesNode MaxPagesTask MaxRSSNode MaxRSSTask MaxVMSize MaxVMSizeNode
MaxVMSizeTask McsLabel MinCPU MinCPUNode MinCPUTask OriginalSLUID OverSubscribe PlannedCPU
PlannedCPURAW QOSRAW QOSREQ ReqCPUFreq ReqCPUFreqGov ReqCPUFreqMax ReqCPUFreqMin ReqNodes
ReqReservation Reservation ReservationId Reserved ResvCPU ResvCPURAW SegmentSize SLUID SubmitLine
SystemCPU TRESUsageInAve TRESUsageInMax TRESUsageInMaxNode TRESUsageInMaxTask
TRESUsageInMin TRESUsageInMinNode TRESUsageInMinTask TRESUsageInTot TRESUsageOutAve TRESUsageOutMax
TRESUsageOutMaxNode TRESUsageOutMaxTask TRESUsageOutMin TRESUsageOutMinNode TRESUsageOutMinTask
TRESUsageOutTot UserCPU WCKey WCKeyID`
  .trim()
  .split(/\s+/);

/** The columns of a field where they are not ten; sacct cuts longer text and marks it with a +. */
const widths: Readonly<Record<string, number>> = {
  JobID: 12,
  JobIDRaw: 12,
  User: 9,
  UID: 6,
  GID: 6,
  ExitCode: 8,
  DerivedExitCode: 15,
  Submit: 19,
  Eligible: 19,
  Start: 19,
  End: 19,
  NodeList: 15,
  NNodes: 8,
  NTasks: 8,
  Reason: 22,
  Restarts: 8,
  Comment: 14,
  WorkDir: 20,
};

/** What sacct prints without options. */
export const plainSacct = "JobID,JobName,Partition,Account,AllocCPUS,State,ExitCode";

/** A table as sacct prints it: fixed widths, to the right except ids, and a line of dashes. */
export function sacctTable(
  rows: readonly Invocation[],
  columns: readonly Column<Invocation>[],
  withHeader: boolean,
): string {
  const line = (text: (column: Column<Invocation>) => string): string =>
    `${columns
      .map((column) => {
        const width = column.most ?? widths[column.title] ?? 10;
        const shown = text(column);
        const cut = shown.length > width ? `${cutTo(shown, width - 1)}+` : shown;
        const isRight =
          column.most === undefined ? !column.title.startsWith("JobID") : column.right;
        return fill(cut, width, isRight === true);
      })
      .join(" ")} \n`;
  const dashes = ({ title, most }: Column<Invocation>) => "-".repeat(most ?? widths[title] ?? 10);
  const header = withHeader ? [line(({ title }) => title), line(dashes)] : [];
  return [...header, ...rows.map((row) => line(({ text }) => printable(text(row))))].join("");
}

/** sacct's `-b`. */
export const briefFormat = "JobID,State,ExitCode";

/** sacct's `-l`. */
export const longFormat = `
JobID JobIDRaw JobName Partition MaxVMSize MaxVMSizeNode MaxVMSizeTask AveVMSize MaxRSS MaxRSSNode
MaxRSSTask AveRSS MaxPages MaxPagesNode MaxPagesTask AvePages MinCPU MinCPUNode MinCPUTask AveCPU
NTasks AllocCPUS Elapsed State ExitCode AveCPUFreq ReqCPUFreqMin ReqCPUFreqMax ReqCPUFreqGov
ReqMem ConsumedEnergy MaxDiskRead MaxDiskReadNode MaxDiskReadTask AveDiskRead MaxDiskWrite
MaxDiskWriteNode MaxDiskWriteTask AveDiskWrite ReqTRES AllocTRES TRESUsageInAve TRESUsageInMax
TRESUsageInMaxNode TRESUsageInMaxTask TRESUsageInMin TRESUsageInMinNode TRESUsageInMinTask
TRESUsageInTot TRESUsageOutMax TRESUsageOutMaxNode TRESUsageOutMaxTask TRESUsageOutAve
TRESUsageOutTot`
  .trim()
  .split(/\s+/)
  .join(",");

const names = [...Object.keys(fields), ...Object.keys(submissionFields), ...others];

/** sacct's `-e`: the names of all fields, four in a line. */
export const fieldNames = (): string =>
  names
    .toSorted((left, right) => left.localeCompare(right, "en"))
    .map((name, at) => (at % 4 === 3 ? `${name}\n` : `${name} `.padEnd(19)))
    .join("")
    .concat("\n");

/** sacct takes the first field that begins so. */
function titleOf(name: string): string | undefined {
  const lower = name.toLowerCase();
  const found = names.filter((each) => lower !== "" && each.toLowerCase().startsWith(lower));
  return found.find((each) => each.toLowerCase() === lower) ?? found.toSorted()[0];
}

/**
 * The columns of `--format`; throws BAD_REQUEST for a name that is none. `submissions`: by
 * their ids; without them, what is about them is empty.
 */
export function sacctColumns(
  format: string,
  times: Times,
  units = wholeUnits,
  submissions: ReadonlyMap<InvocationId, Submission> = new Map(),
): Column<Invocation>[] {
  const words = format.toUpperCase() === "ALL" ? names : format.split(",");
  return words
    .filter((word) => word.trim() !== "")
    .map((word) => {
      const [, name, sign, width] = /^\s*([\w/]+)(?:%(-?)(\d{1,4}))?\s*$/.exec(word) ?? [];
      const title = titleOf(name ?? "");
      if (title === undefined)
        throw new GleanerError(
          "BAD_REQUEST",
          `--format: no field ${word.trim().slice(0, 40)}; did you mean ${nearest(word.trim().slice(0, 40), names)}?`,
        );
      const text = fields[title] ?? ofSubmission(submissionFields[title], submissions);
      return {
        title,
        text: (each: Invocation) => text(each, times, units),
        ...(width === undefined ? {} : { most: Number(width), least: Number(width) }),
        right: width !== undefined && sign !== "-",
      };
    });
}
