// Slurm's own commands, for what Gleaner cannot do and the user wants Slurm to do instead
// (GLEAN_FALLBACK=slurm).

import { spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readSync } from "node:fs";
import { delimiter, join } from "node:path";
import { maxSlurmJobId } from "../../model/ids.js";
import { aliasMark, ownNameMark } from "../../model/slurm/own-names.js";
import { exitStatus } from "../context.js";
import { complain } from "../output.js";
import { readWords } from "./words.js";

export const mayFallBack = (environment: NodeJS.ProcessEnv): boolean =>
  environment.GLEAN_FALLBACK === "slurm";

/** Whether all ids that a command names are jobs of Slurm, and there is one. */
export function namesJobs(name: string, given: readonly string[]): boolean {
  const words = readWords(name, given);
  const isList = name === "squeue" || name === "sacct";
  const named = isList
    ? (words.all("jobs") ?? words.all("job") ?? "")
    : words.operands.join(" ").replace(/job(id)?=/gi, "");
  // The numbers of tasks in brackets are no ids.
  const ids = named.replace(/\[[^\]]*\]/g, "").match(/(?<=^|[\s,])\d+(?=$|[\s,_.])/g) ?? [];
  return ids.length > 0 && ids.every((id) => Number(id) <= maxSlurmJobId);
}

/** Runs Slurm's command and returns its exit status; `input` is its standard input, as latin1. */
export function runReal(
  name: string,
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  input: string | null = null,
): number {
  const path = findReal(name, environment);
  if (path === null) {
    complain(
      `error: Slurm's ${name} is not in PATH: add its folder, or unset GLEAN_FALLBACK`,
      name,
    );
    return exitStatus.failed;
  }
  const { status } = spawnSync(path, words, {
    stdio: [input === null ? "inherit" : "pipe", "inherit", "inherit"],
    ...(input !== null && { input: Buffer.from(input, "latin1") }),
    env: environment,
  });
  return status ?? exitStatus.failed;
}

function findReal(name: string, { PATH = "" }: NodeJS.ProcessEnv): string | null {
  for (const folder of PATH.split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (!isMarked(path, aliasMark) && !isMarked(path, ownNameMark)) return path;
    } catch {
      // Not there: the next folder may have it.
    }
  }
  return null;
}

/** Whether `glean install-aliases` made a file; throws if it cannot be read. */
export const isAlias = (path: string): boolean => isMarked(path, aliasMark);

function isMarked(path: string, mark: string): boolean {
  const start = Buffer.alloc(200);
  const file = openSync(path, "r");
  try {
    const length = readSync(file, start);
    return start.toString("latin1", 0, length).includes(mark);
  } finally {
    closeSync(file);
  }
}
