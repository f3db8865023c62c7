// `glean install-aliases`: puts Slurm's names in a folder, for PATH.

import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { GleanerError, messageOf } from "../../../model/errors.js";
import { aliasMark } from "../../../model/slurm/own-names.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { print } from "../../output.js";
import { slurmCommands } from "../../slurm/commands.js";
import { isAlias } from "../../slurm/real.js";

const names = ["sbatch", "srun", ...slurmCommands.map(({ name }) => name)];

export const define: Define = (command, run) => {
  command
    .argument("<folder>", "a folder for nothing else")
    .option("--remove", "remove them again")
    .addHelpText(
      "after",
      `\nThe folder gets ${names.join(", ")}. To use them, put it first in PATH:\n  export PATH=FOLDER:$PATH`,
    )
    .action(run(install));
};

async function install(
  _context: Context,
  given: string,
  { remove = false }: { readonly remove?: boolean },
): Promise<number> {
  const folder = resolve(given);
  try {
    if (!remove) mkdirSync(folder, { recursive: true });
    const paths = names.map((name) => join(folder, name));
    const other = paths.find((path) => existsSync(path) && !isAlias(path));
    if (other !== undefined)
      throw new GleanerError(
        "BAD_REQUEST",
        `${other} is not one of these aliases: choose another folder`,
      );
    if (remove) for (const path of paths) rmSync(path, { force: true });
    else for (const name of names) writeAlias(join(folder, name), name);
  } catch (thrown) {
    if (thrown instanceof GleanerError) throw thrown;
    throw new GleanerError(
      "BAD_REQUEST",
      `cannot write to ${folder} (${messageOf(thrown)}): choose a folder of yours`,
      { cause: thrown },
    );
  }
  if (!remove) print(`export PATH=${quoted(folder)}:$PATH\n`);
  return exitStatus.done;
}

/** bash -p, because a plain sh would drop functions that a user's bash exports. */
function writeAlias(path: string, name: string): void {
  const program = [process.execPath, ...process.execArgv, process.argv[1]!].map(quoted).join(" ");
  writeFileSync(path, `#!/bin/bash -p\n${aliasMark}\nexec ${program} as ${name} "$@"\n`);
  chmodSync(path, 0o755);
}

const quoted = (text: string): string =>
  /^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
