// Reads the settings of a submission from all that may say something of them: the script's
// directives, variables of the environment, and the command line. Pure.

import {
  type Directive,
  type DirectiveKind,
  type Directives,
  readDirectives,
} from "./directives.js";
import type { OptionShape } from "./getopt.js";
import { batchOptions } from "./options/batch-options.js";
import { aliases, sbatchOptions } from "./options/sbatch-options.js";
import { type Given, type Settled, settle } from "./settle.js";
import { readTranslated } from "./translated.js";
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
  const of = (kind: DirectiveKind, from: readonly Directive[]): Given[] =>
    from.filter((each) => each.kind === kind).map((each) => ({ ...each, source: kind }));
  const own = of("SBATCH", read.known);
  const others = [...readVariables(environment, knownOptions), ...of("GLEAN", read.known), ...line];
  const ignores = [...own, ...others].some(({ option }) => option === "ignore-pbs");
  const translated = ignores ? nothing : readTranslated(body, shown, own);
  const all = [...own, ...of("SBATCH", translated.known), ...others].map((each) => ({
    ...each,
    option: aliases[each.option] ?? each.option,
  }));
  return settle(all, [...read.problems, ...translated.problems]);
}

const nothing: Directives = { known: [], problems: [] };
