// Reads the settings of a submission from all that may say something of them: the script's
// directives, variables of the environment, and the command line. Pure.

import { type DirectiveKind, readDirectives } from "./directives.js";
import type { OptionShape } from "./getopt.js";
import { batchOptions } from "./options/batch-options.js";
import { aliases, sbatchOptions } from "./options/sbatch-options.js";
import { type Given, type Settled, settle } from "./settle.js";
import { readVariables } from "./variables.js";

/** What an option on the command line may be. */
export const knownOptions: readonly OptionShape[] = [
  ...batchOptions,
  ...sbatchOptions.filter(({ name }) => !batchOptions.some((own) => own.name === name)),
];

/** Merges all sources, the least important first. Throws BAD_REQUEST with all refusals. */
export function readSettings(
  body: string,
  shown: string,
  line: readonly Given[],
  environment: Readonly<Record<string, string | undefined>>,
): Settled {
  const read = readDirectives(body, shown, { GLEAN: knownOptions, SBATCH: sbatchOptions });
  const of = (kind: DirectiveKind): Given[] =>
    read.known.filter((each) => each.kind === kind).map((each) => ({ ...each, source: kind }));
  const all = [
    ...of("SBATCH"),
    ...readVariables(environment, knownOptions),
    ...of("GLEAN"),
    ...line,
  ].map((each) => ({ ...each, option: aliases[each.option] ?? each.option }));
  const readsOthers = !all.some(({ option }) => option === "ignore-pbs");
  return settle(all, [...read.problems, ...(readsOthers ? read.translated : [])]);
}
