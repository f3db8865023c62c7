// The parts of `glean function` and `glean lease`, such as `glean function list`.

import type { Command } from "commander";

/** Adds a part with `--json`; its summary, as a sentence, is its description. */
export const part = (parent: Command, name: string, summary: string): Command =>
  parent
    .command(name)
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    .option("--json", "one JSON document");
