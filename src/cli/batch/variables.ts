// The options that environment variables give: SBATCH_TIMELIMIT as for sbatch, and GLEAN_TIMELIMIT,
// which counts more.

import type { OptionShape } from "./getopt.js";
import { variableOptions } from "./options/sbatch-options.js";
import type { Given } from "./settle.js";

/** The least important first. An option without a value is set unless the variable says no. */
export function readVariables(
  environment: Readonly<Record<string, string | undefined>>,
  shapes: readonly OptionShape[],
): Given[] {
  const given: Given[] = [];
  const names = Object.keys(environment);
  for (const prefix of ["SBATCH_", "GLEAN_"])
    for (const name of names.filter((each) => each.startsWith(prefix))) {
      const option = variableOptions.get(name.slice(prefix.length));
      const value = environment[name];
      if (!option || value === undefined) continue;
      const shape = shapes.find((each) => each.name === option);
      if (shape?.takes === "nothing" && /^(0|no|false)$/i.test(value)) continue;
      const isFlag = shape?.takes !== "value" && /^(1|yes|true)?$/i.test(value);
      given.push({ option, value: isFlag ? "" : value, where: `$${name}`, source: "variable" });
    }
  return given;
}
