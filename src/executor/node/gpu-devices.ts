// A node's GPUs as files: which of them a function must not open, and what it is told of its own.

import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { GleanerError } from "../../model/errors.js";
import type { Resources } from "../../model/resources.js";

/** More GPUs than any node has. */
const maxFiles = 1_024;

/** Rules of the devices controller (`c 195:1 rwm`) for all GPUs of the node but `held`; null: the node has no such files. */
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
      `Slurm's GPU ${missing} has no file: ${filesBefore}N are ${files.length} here (functions.gpuDevices)`,
    );
  return files.filter((_, index) => !held.includes(index)).map(ruleOf);
}

/**
 * Why it is not known here which of the node's files belongs to which of Slurm's `gpuTotal` GPUs,
 * one clause; null: it is, or there are no such files. The place in the row is Slurm's index only
 * when Slurm counts them all.
 */
export function gpuProblemHere(filesBefore: string | null, gpuTotal: number): string | null {
  const count = filesBefore === null ? 0 : filesOf(filesBefore).length;
  if (gpuTotal === 0 || count === 0 || count === gpuTotal) return null;
  return `Slurm counts ${gpuTotal} GPUs and the node has ${count} files ${filesBefore}N (functions.gpuDevices), so it is not known which file is which GPU`;
}

/** The order without the GPUs of the node. */
export const withoutGpus = <Order extends { readonly budget: Resources }>(order: Order): Order => ({
  ...order,
  budget: { ...order.budget, gpus: [] },
});

/** The files of that name with a number after it, by number: Slurm's index is the place in this row. */
function filesOf(filesBefore: string): string[] {
  const directory = dirname(filesBefore);
  const name = basename(filesBefore);
  let entries: string[];
  try {
    entries = readdirSync(directory);
  } catch {
    return [];
  }
  return entries
    .filter((entry) => entry.startsWith(name) && /^\d{1,4}$/.test(entry.slice(name.length)))
    .sort((one, other) => Number(one.slice(name.length)) - Number(other.slice(name.length)))
    .slice(0, maxFiles)
    .map((entry) => join(directory, entry));
}

function ruleOf(path: string): string {
  const { rdev } = statSync(path);
  // As glibc's gnu_dev_major and gnu_dev_minor, for numbers of up to 12 and 20 bits.
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return `c ${major}:${minor} rwm`;
}

/**
 * What tells a function of its GPUs, whatever its user exported. Where it cannot open the others, drivers number those that it can
 * open from 0, as in Slurm's own jobs.
 */
export function gpuEnvironment(
  held: readonly number[],
  othersAreClosed: boolean,
): Readonly<Record<string, string>> {
  const indices = held.join(",");
  const visible = othersAreClosed ? held.map((_, place) => place).join(",") : indices;
  const told = held.length === 0 ? {} : { SLURM_JOB_GPUS: indices };
  return {
    ...told,
    CUDA_VISIBLE_DEVICES: visible,
    GLEANER_GPUS: indices,
    SLURM_GPUS_ON_NODE: String(held.length),
  };
}
