// The command that becomes a worker: the program of its runtime, after the setup of its function.

import { join } from "node:path";
import { defaultPath } from "../model/functions/settings.js";
import type { WorkerSettings } from "../wire/calls.js";
import { inImage, programsInImage } from "./image-command.js";

/** The programs of the runtimes begin so; they lie beside the executor and the CLI. */
export const programPrefix = "glean-runtime-";
/** No runtime of functions, but it lies beside them. */
export const attachProgram = `${programPrefix}attach`;
const nodesPython = "/usr/bin/python3";

export type CommandSettings = Pick<WorkerSettings, "runtime" | "python" | "setup" | "image">;

/**
 * The words of the command; `programs`: the folder with the programs of the runtimes; `code`: that
 * of the bundle.
 */
export function workerCommand(
  programs: string,
  code: string,
  settings: CommandSettings,
): readonly string[] {
  const { image } = settings;
  if (image === null) return afterSetup(runtimeCommand(programs, settings), settings);
  const words = runtimeCommand(programsInImage, settings);
  return afterSetup(inImage(image, code, programs, words), settings);
}

/** The words of a command that starts as a worker of the function does. */
export function afterSetup(
  words: readonly string[],
  { setup }: Pick<CommandSettings, "setup">,
): readonly string[] {
  return setup === null
    ? words
    : ["/bin/bash", "-c", scriptOf(setup), "setup", defaultPath, ...words];
}

/**
 * /etc/profile defines the command module. It may set another PATH, which overrides only the site's
 * default. Setups often use descriptor 3, and scripts that they source use the arguments: neither
 * gets at those of the worker.
 */
const scriptOf = (setup: string): string => `${beforeSetup.join("; ")}; ${setup}
glean_status=$?
[ $glean_status -eq 0 ] || exit $glean_status
if ! type -P -- "$glean_worker" >/dev/null; then
  echo "setup: $glean_worker is not in the PATH that the setup leaves: $PATH" >&2
  exit 127
fi
exec "\${glean_worker[@]}" 3<&199 199<&-`;

/** In one line, so that bash counts the setup's lines from 1. */
const beforeSetup = [
  "exec 199<&3 3<&-",
  "glean_path=$PATH glean_default=$1",
  "shift",
  'glean_worker=("$@")',
  "set --",
  "[ ! -r /etc/profile ] || . /etc/profile",
  '[ "$glean_path" = "$glean_default" ] || PATH=$glean_path',
  "unset glean_path glean_default",
];

/** The words that start the runtime itself. A setup or an image may bring another interpreter. */
export function runtimeCommand(
  programs: string,
  { runtime, python, setup, image }: CommandSettings,
): readonly string[] {
  const program = (name: string) => join(programs, `${programPrefix}${name}`);
  switch (runtime) {
    case "node":
      return [image === null ? process.execPath : "node", program("node.cjs")];
    case "python": {
      const usual = setup === null && image === null ? nodesPython : "python3";
      // Named by its folder, Python would load two modules more to find it.
      return [python ?? usual, join(program("python"), "__main__.py")];
    }
    case "native":
    case "exec":
      return [program(runtime)];
  }
}
