// Parses the lines of the node hook and the names of its marks, as defined in
// slurm-plugin/PROTOCOL.md; rejects anything else.

import { type JobId, jobId } from "../../model/ids.js";
import type { JobShare } from "../budget/budget.js";

export type HookLine =
  | {
      readonly kind: "begin";
      readonly job: JobShare;
      /** How long the hook waits for the answer. */
      readonly answerMs: number;
      /** CLOCK_MONOTONIC at the start of the hook. */
      readonly startNs: bigint;
    }
  | { readonly kind: "end"; readonly job: JobId }
  | { readonly kind: "probe" };

/** Includes the line's end. */
export const maxHookLineBytes = 256;
const maxJobId = 4_294_967_295;
const maxCpus = 65_536;
const maxGpuIndex = 63;

/** The line without its end, or null if it is not one of the three. */
export function parseHookLine(line: string): HookLine | null {
  if (line === "probe") return { kind: "probe" };
  const end = /^end (\d{1,10})$/.exec(line);
  if (end) {
    const job = parseJob(end[1]!);
    return job === null ? null : { kind: "end", job };
  }
  const begin = /^begin (\d{1,10}) (\d{1,5}) ([-*\d,]{1,200}) (\d{1,9}) (\d{1,19})$/.exec(line);
  if (!begin) return null;
  const job = parseShare(begin[1]!, begin[2]!, begin[3]!);
  if (job === null) return null;
  return { kind: "begin", job, answerMs: Number(begin[4]), startNs: BigInt(begin[5]!) };
}

/** A mark's file name, `<jobId>.<cpus>.<gpus>`; null for a file that is not a mark. */
export function parseMark(fileName: string): JobShare | null {
  const parts = /^(\d{1,10})\.(\d{1,5})\.([-*\d,]{1,200})$/.exec(fileName);
  return parts && parseShare(parts[1]!, parts[2]!, parts[3]!);
}

/** An executor that the hook itself had to kill. */
export interface HookKill {
  readonly job: JobId;
  /** The time from the hook's start until nothing was left. */
  readonly tookMs: number;
  /**
   * Function processes not known to be gone when the prolog ended; null if they could not be
   * counted.
   */
  readonly left: number | null;
}

/**
 * A note's file name, `killed.<jobId>.<ms>` or `late.<jobId>.<ms>.<left>`; null for any other file.
 */
export function parseKillNote(fileName: string): HookKill | null {
  const parts =
    /^(?:killed\.(\d{1,10})\.(\d{1,7})|late\.(\d{1,10})\.(\d{1,7})\.(\d{1,5}|\*))$/.exec(fileName);
  const job = parts && parseJob((parts[1] ?? parts[3])!);
  if (!job) return null;
  const left = parts[5] === "*" ? null : Number(parts[5] ?? 0);
  return { job, tookMs: Number(parts[2] ?? parts[4]), left };
}

function parseShare(id: string, cpus: string, gpus: string): JobShare | null {
  const job = parseJob(id);
  const indices = parseGpus(gpus);
  if (job === null || indices === null || Number(cpus) > maxCpus) return null;
  return { job, cpus: Number(cpus), gpus: indices };
}

function parseJob(text: string): JobId | null {
  const value = Number(text);
  return value >= 1 && value <= maxJobId ? jobId(value) : null;
}

function parseGpus(text: string): readonly number[] | "all" | null {
  if (text === "-") return [];
  if (text === "*") return "all";
  if (!/^\d{1,2}(,\d{1,2})*$/.test(text)) return null;
  const indices = text.split(",").map(Number);
  return indices.every((index) => index <= maxGpuIndex) ? indices : null;
}
