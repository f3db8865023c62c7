// Settles which value of each option counts, and collects everything that is wrong with those.

import { GleanerError } from "../../model/errors.js";
import { quoted } from "../values.js";
import { optionVariables } from "./option-variables.js";
import { batchOptions, settingsFrom } from "./options/batch-options.js";
import { groupOf, judgeForeign, overrideOf } from "./options/foreign-options.js";
import type { BatchSettings } from "./options/option.js";
import { failed, misunderstood, RefusedOptions } from "./refusals.js";
import { whySeveralNodes } from "./sizes.js";

/** An option from the command line, a directive or a variable. */
export interface Given {
  readonly option: string;
  readonly value: string;
  /** Names it in messages: `job.sh:3: #SBATCH --mem`. */
  readonly where: string;
  readonly source: Source;
}

/** A directive of the script by its word, a variable of the environment, or the command line. */
export type Source = "SBATCH" | "variable" | "GLEAN" | "line";

/** Whether `--ignore` leaves it out. */
const isIgnorable = ({ source }: Given): boolean => source === "SBATCH" || source === "variable";

export interface Settled {
  readonly settings: BatchSettings;
  readonly notes: readonly string[];
  /** What the options that count add to the environment. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * The last one counts of options that replace each other, and only that one is judged. Throws
 * BAD_REQUEST with a line for each refusal, after those of `problems`.
 */
export function settle(given: readonly Given[], problems: readonly string[] = []): Settled {
  const ignored = new Set(
    given.filter(({ option }) => option === "ignore").flatMap(({ value }) => value.split(",")),
  );
  const counting = new Map<string, Given>();
  for (const each of given)
    if (!(isIgnorable(each) && ignored.has(each.option))) count(counting, each);
  const wrong = [...problems];
  const refused: string[] = [];
  const twice = settleMemory(counting);
  if (twice !== null) {
    wrong.push(twice);
    refused.push("mem");
  }
  const notes = new Map<string, string[]>();
  const set: Given[] = [];
  for (const each of counting.values()) {
    const { option, value, where } = each;
    if (batchOptions.some(({ name }) => name === option)) {
      set.push(each);
      continue;
    }
    const verdict = judgeForeign(option, value);
    if (verdict === null || (option === "nodes" && isOneTask(counting, value))) continue;
    if ("note" in verdict) notes.set(verdict.note, [...(notes.get(verdict.note) ?? []), where]);
    else {
      wrong.push(refusal(each, verdict.refuse));
      refused.push(option);
    }
  }
  const settings = settingsFrom(set, (each, thrown) => {
    wrong.push(invalid(each, thrown));
    refused.push(each.option);
  });
  const isOneNode = oneNode.test(counting.get("nodes")?.value ?? "");
  const spread = isOneNode ? null : whySeveralNodes(settings);
  if (spread !== null) {
    wrong.push(spread);
    refused.push("nodes");
  }
  if (wrong.length > 0) {
    const others = refused.slice(twice === null ? 0 : 1);
    const failsPlainly = problems.length === 0 && others.every((option) => plain.has(option));
    throw new RefusedOptions(wrong.join("\n"), refused, failsPlainly ? failed : misunderstood);
  }
  return {
    settings,
    notes: [
      ...[...notes].map(([why, places]) => `ignored ${places.join(", ")}: ${why}`),
      ...settings.notes,
    ],
    variables: optionVariables(
      settings,
      (option) => [...counting.values()].find((each) => each.option === option)?.value,
    ),
  };
}

/** For wrong values of these, and for two sizes of memory, sbatch exits as on any failure. */
const plain = new Set(
  `array cpus-per-gpu cpus-per-task dependency gpus-per-task hint licenses mincpus ntasks
   ntasks-per-node propagate`.split(/\s+/),
);

/** It replaces the others of its group. */
function count(counting: Map<string, Given>, each: Given): void {
  const isGres = each.option === "gres";
  const group = isGres && !namesGpus(each.value) ? "gres" : groupOf(each.option);
  const before = counting.get("gpus");
  if (before?.option === "gres") {
    // Another number of GPUs replaces only those of `--gres=gpu:1,nvme:1`.
    if (isGres) counting.delete("gpus");
    else if (group === "gpus") counting.set("gres", before);
  }
  if (isGres) counting.delete("gres");
  const same = counting.get(group);
  counting.delete(group);
  counting.set(group, each.option === "mail-type" ? withMails(same, each) : each);
}

/** As for sbatch up to 24.11, several lines of a script add up. */
function withMails(before: Given | undefined, each: Given): Given {
  if (before?.source !== each.source) return each;
  return { ...each, value: `${before.value},${each.value}` };
}

const memoryOptions = ["mem", "mem-per-cpu", "mem-per-gpu"];

/**
 * Keeps one of the options that say how much memory there is. As for sbatch, one of a variable
 * does not count beside the script's and the command line's, and these exclude each other; but
 * #GLEAN replaces #SBATCH. Returns what is wrong, or null.
 */
function settleMemory(counting: Map<string, Given>): string | null {
  const all = memoryOptions.flatMap((option) => counting.get(option) ?? []);
  const isOurs = all.some(({ source }) => source === "GLEAN");
  const explicit = all.filter(
    ({ source }) => source !== "variable" && !(isOurs && source === "SBATCH"),
  );
  const kept = explicit.length > 0 ? explicit : all;
  for (const each of all) if (!kept.includes(each)) counting.delete(each.option);
  if (kept.length < 2) return null;
  const places = kept.map(({ where }) => where).join(" and ");
  const ignored = kept.find(isIgnorable);
  const instead =
    ignored === undefined ? "give one" : `leave one out, as with ${overrideOf(ignored.option)}`;
  return `${places} exclude each other: ${instead}`;
}

const namesGpus = (gres: string): boolean => /(^|,)((gres[:/])?gpu([:=,]|$)|none$|0$)/i.test(gres);

/** As for sbatch, tasks per node do not count then. */
const oneNode = /^\s*0*1(-0*1)?\s*$/;

/** As sbatch does, one task is put on one node, whatever number of nodes is named. */
const isOneTask = (counting: ReadonlyMap<string, Given>, nodes: string): boolean =>
  /^\d+$/.test(nodes) && /^0*1$/.test(counting.get("ntasks")?.value ?? "");

function refusal(given: Given, why: string): string {
  const { option, value, where } = given;
  const shown = value === "" ? where : `${where} ${quoted(value)}`;
  const instead = isIgnorable(given)
    ? `override it with ${overrideOf(option)}, or submit the script with Slurm's sbatch`
    : "omit it, or submit the script with Slurm's sbatch";
  return `${shown}: ${why}: ${instead}`;
}

function invalid(given: Given, thrown: unknown): string {
  if (!(thrown instanceof GleanerError)) throw thrown;
  const { message } = thrown;
  return isIgnorable(given) ? `${message} (override it with --${given.option})` : message;
}
