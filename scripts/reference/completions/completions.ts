// What shells complete after `glean`: commands, options, and values that they ask glean for.

import type { CommandText } from "../commands.js";
import { bash } from "./bash.js";
import { fish } from "./fish.js";
import { offersOf } from "./offers.js";
import { zsh } from "./zsh.js";

/** The files in configs/completions by their names. */
export function completions(glean: CommandText): readonly (readonly [string, string])[] {
  const offers = offersOf(glean);
  return [
    ["glean.bash", bash(offers)],
    ["_glean", zsh(offers)],
    ["glean.fish", fish(offers)],
  ];
}
