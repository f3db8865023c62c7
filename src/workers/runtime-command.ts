// The command that becomes a worker: the program of its runtime, after the setup of its function.

import { join } from "node:path";
import type { WorkerSettings } from "../wire/calls.js";

/** The programs of the runtimes begin so; they lie beside the executor and the CLI. */
export const programPrefix = "glean-runtime-";
const nodesPython = "/usr/bin/python3";

export type CommandSettings = Pick<WorkerSettings, "runtime" | "python" | "setup">;

/** The words of the command; `programs`: the folder with the programs of the runtimes. */
export function workerCommand(programs: string, settings: CommandSettings): readonly string[] {
  return afterSetup(programOf(programs, settings), settings);
}

/** The words of a command that starts as a worker of the function does. */
export function afterSetup(
  words: readonly string[],
  { setup }: Pick<CommandSettings, "setup">,
): readonly string[] {
  if (setup === null) return words;
  // A login shell, which defines the command module. The worker starts only if the last command of
  // the setup succeeded.
  const script = `${setup}\n[ $? -eq 0 ] && exec "$@"`;
  return ["/bin/bash", "-l", "-c", script, "setup", ...words];
}

function programOf(programs: string, { runtime, python }: CommandSettings): readonly string[] {
  const program = (name: string) => join(programs, `${programPrefix}${name}`);
  switch (runtime) {
    case "node":
      return [process.execPath, program("node.cjs")];
    case "python":
      return [python ?? nodesPython, program("python")];
    case "native":
    case "exec":
      return [program(runtime)];
  }
}
