// `glean run`: runs a command in a hole as if it ran here, as srun does.

import type { Command } from "commander";
import { GleanerError } from "../../../model/errors.js";
import type { OptionShape } from "../../batch/getopt.js";
import { fromCommandLine } from "../../command-line.js";
import type { Context, Define } from "../../context.js";
import { complain } from "../../output.js";
import { knownWith, runOptions, settingsOf } from "../../run/options.js";
import { addOptions, start } from "../../run/start.js";

const examples = `
Output and errors come as they are printed, and standard input goes to the command. The first Ctrl-C
shows which tasks run; a second one within a second ends them. SIGTERM, SIGUSR1, SIGUSR2 and SIGALRM
go to the tasks. Where a firewall is between nodes and this machine, run.ports of the configuration
sets the ports, and $GLEAN_RUN_HOST the address that nodes connect to.

Exit status: the highest of the tasks (128 and the number of a signal); 75 if it was evicted after
it had printed or read something. If it had not, it starts again by itself.

Examples:
  glean run hostname
  glean run -n 4 -l ./rank.sh            four processes, each line with its number
  glean run -c 8 --mem 4G -t 10 make -j8
  glean run --input none -I ./now || ./here`;

/** All that srun knows. */
export const shapes: readonly OptionShape[] = knownWith(runOptions);

export const define: Define = (command, run) => {
  command
    .usage("[options] COMMAND [ARGUMENT...]")
    .argument("[command]", "the program, found on the node as a shell finds it")
    .argument("[arguments...]", "the program's arguments")
    .addHelpText("after", examples)
    .action(run(runCommand));
  addOptions(command, runOptions);
};

async function runCommand(
  context: Context,
  first: string | undefined,
  others: string[],
  _options: unknown,
  command: Command,
): Promise<number> {
  const words = first === undefined ? others : [first, ...others];
  const [given, argv] = fromCommandLine(command, words, shapes, "srun");
  const { settings, notes } = settingsOf(given);
  for (const note of notes) complain(`note: ${note}`);
  if (argv.length === 0)
    throw new GleanerError("BAD_REQUEST", "no command given: write it after the options");
  return start(context, settings, argv);
}
