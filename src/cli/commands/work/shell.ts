// `glean shell`: the user's login shell in a hole, in a terminal, as `srun --pty bash -l`.

import { userInfo } from "node:os";
import type { Command } from "commander";
import { GleanerError } from "../../../model/errors.js";
import { fromCommandLine } from "../../command-line.js";
import type { Context, Define } from "../../context.js";
import { complain } from "../../output.js";
import { knownWith, settingsOf, shellOptions } from "../../run/options.js";
import { addOptions, start } from "../../run/start.js";

const examples = `
The terminal shows a line before the hole closes or the time limit comes. All that the shell started
ends with it. After an eviction the exit status is 75.

Examples:
  glean shell
  glean shell -c 4 --mem 8G -t 1:00:00`;

export const define: Define = (command, run) => {
  command
    .usage("[options]")
    .argument("[words...]")
    .addHelpText("after", examples)
    .action(run(shell));
  addOptions(command, shellOptions);
};

async function shell(
  context: Context,
  words: string[],
  _options: unknown,
  command: Command,
): Promise<number> {
  const [given, rest] = fromCommandLine(command, words, knownWith(shellOptions), "srun");
  if (rest.length > 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `unexpected ${rest[0]}: for a command use glean run --pty`,
    );
  const { settings, notes } = settingsOf(given);
  for (const note of notes) complain(`note: ${note}`);
  settings.pty = true;
  const program = userInfo().shell ?? "/bin/sh";
  return start(context, settings, [program, "-l"]);
}
