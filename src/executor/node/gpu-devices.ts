// Maps a node's GPUs to device files: decides which of them a function must not open, and what its
// environment says.

import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { nowMs } from "../../clock.js";
import { counted } from "../../model/counted.js";
import { GleanerError } from "../../model/errors.js";
import type { Resources } from "../../model/resources.js";

/** More GPUs than any node has. */
const maxFiles = 1_024;

/**
 * Rules of the devices controller (`c 195:1 rwm`) for all GPUs of the node except `held`; null if
 * the node has no such files.
 */
export function rulesAgainstOthers(
  filesBefore: string | null,
  held: readonly number[],
): readonly string[] | null {
  const files = filesBefore === null ? [] : filesOf(filesBefore);
  if (files.length === 0) return null;
  const missing = held.find((index) => index >= files.length);
  if (missing !== undefined)
    throw new GleanerError(
      "LAUNCH",
      `Slurm's GPU ${missing} has no device file: this node has ${counted(files.length, "file")} ${filesBefore}N (see functions.gpuDevices)`,
    );
  return files.filter((_, index) => !held.includes(index)).map(ruleOf);
}

/**
 * Why it is unknown which device file belongs to which of Slurm's `gpuTotal` GPUs, as one clause;
 * null if it is known or there are no such files. A file's position is Slurm's index only if Slurm
 * counts them all.
 */
export function gpuProblemHere(filesBefore: string | null, gpuTotal: number): string | null {
  const count = filesBefore === null ? 0 : filesOf(filesBefore).length;
  if (gpuTotal === 0 || count === 0 || count === gpuTotal) return null;
  return `Slurm counts ${gpuTotal} GPUs, but the node has ${counted(count, "file")} ${filesBefore}N (functions.gpuDevices), so the file of each GPU is unknown`;
}

/** The order without the node's GPUs. */
export const withoutGpus = <Order extends { readonly budget: Resources }>(order: Order): Order => ({
  ...order,
  budget: { ...order.budget, gpus: [] },
});

/** What was found, and when the directory had changed then: each command asks. */
let found: { before: string; changedAtMs: number; files: readonly string[] } | null = null;
/** Two changes of one tick of the kernel's clock have one time. */
const settledMs = 1_000;

/**
 * The files with that name followed by a number, ordered by number: Slurm's index is the position
 * in this list.
 */
function filesOf(filesBefore: string): readonly string[] {
  try {
    const changedAtMs = statSync(dirname(filesBefore)).mtimeMs;
    if (found?.before === filesBefore && found.changedAtMs === changedAtMs) return found.files;
    const files = listed(filesBefore);
    const isSettled = nowMs() - changedAtMs > settledMs;
    found = isSettled ? { before: filesBefore, changedAtMs, files } : null;
    return files;
  } catch {
    return [];
  }
}

function listed(filesBefore: string): readonly string[] {
  const directory = dirname(filesBefore);
  const name = basename(filesBefore);
  return readdirSync(directory)
    .filter((entry) => entry.startsWith(name) && /^\d{1,4}$/.test(entry.slice(name.length)))
    .sort((one, other) => Number(one.slice(name.length)) - Number(other.slice(name.length)))
    .slice(0, maxFiles)
    .map((entry) => join(directory, entry));
}

function ruleOf(path: string): string {
  const { rdev } = statSync(path);
  // The same as glibc's gnu_dev_major and gnu_dev_minor, for numbers of up to 12 and 20 bits.
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return `c ${major}:${minor} rwm`;
}

/**
 * Tells a function its GPUs, whatever its user exported. Where it cannot open the others, drivers
 * number the accessible ones from 0, as in Slurm's own jobs.
 */
export function gpuEnvironment(
  held: readonly number[],
  othersAreClosed: boolean,
): Readonly<Record<string, string>> {
  const indices = held.join(",");
  const visible = othersAreClosed ? held.map((_, place) => place).join(",") : indices;
  // As in a job, both are absent without a GPU.
  const told =
    held.length === 0 ? {} : { SLURM_JOB_GPUS: indices, SLURM_GPUS_ON_NODE: String(held.length) };
  return {
    ...told,
    CUDA_VISIBLE_DEVICES: visible,
    GLEANER_GPUS: indices,
  };
}
