// `glean function test`: runs a function once on this machine, exactly as in a hole.

import { existsSync } from "node:fs";
import type { Command } from "commander";
import { scan } from "../../../bundle/scan.js";
import { GleanerError } from "../../../model/errors.js";
import { parseFunctionRef } from "../../../model/functions/reference.js";
import { packFunction } from "../../../sdk/functions/deploy.js";
import { type InputOptions, inputOf } from "../../calls/input.js";
import type { Context, Run } from "../../context.js";
import { addFunctionOptions, givenOn } from "../../functions/command-line.js";
import { deployedVersion } from "../../functions/deployed.js";
import { readFunctionFile } from "../../functions/file.js";
import { runHere, type Tested, type TestForm, withDefaults } from "../../functions/local.js";
import { settle } from "../../functions/options.js";
import { settingsOf } from "../../functions/runtime.js";

const examples = `
A file or a folder is packed as glean function deploy does, with its function.yaml; a deployed
function is fetched. The code is unpacked into a temporary folder and called once, by the program
that runs it in holes, with the same environment and limits. The result goes to standard output,
all that the function prints to standard error.

With --inspect, the language's own debugger is there, and there is no time limit: node's inspector;
for Python debugpy if the interpreter has it, else pdb on the terminal.

Examples:
  glean function test ./tile --input '{"zoom": 3}'
  glean function test tile.py --input request.json --inspect
  glean function test ada/tile@prod --input - < request.json`;

/** Without those that only matter where it is deployed. */
const notHere = ["share", "check", "min-warm", "idle-timeout"];

interface Options extends InputOptions, TestForm {}

export function defineTest(parent: Command, run: Run): void {
  const command = parent
    .command("test")
    .summary("run a function once on this machine, as in a hole")
    .description("Run a function once on this machine, exactly as in a hole.")
    .argument("<function>", "a file or a folder, or else a deployed function: [OWNER/]NAME[@ALIAS]")
    .option("--input <INPUT>", "a file, - for standard input, or the input itself (default: null)")
    .option("--type <TYPE>", "the input's content type (default: JSON if it is JSON)")
    .option("--inspect", "run it in the language's debugger")
    .addHelpText("after", examples);
  addFunctionOptions(command, notHere);
  command.option("--json", "one JSON document with the answer and its times").action(run(test));
}

async function test(
  context: Context,
  what: string,
  options: Options,
  command: Command,
): Promise<number> {
  if (options.inspect && options.input === "-")
    throw new GleanerError(
      "BAD_REQUEST",
      "--inspect may need the terminal: give the input as a file, not on standard input",
    );
  const code = existsSync(what)
    ? await packedHere(context, what, command)
    : await deployed(context, what, command);
  return runHere({ ...code, input: inputOf(options) }, options);
}

async function packedHere(
  context: Context,
  path: string,
  command: Command,
): Promise<Omit<Tested, "input">> {
  const wanted = settle([...(await readFunctionFile(path)), ...givenOn(command)]);
  const entries = await scan(path);
  const requested = settingsOf(wanted, entries);
  const { version, open } = await packFunction(entries, requested);
  const settings = await withDefaults(context, requested);
  return { called: path, version, bundle: open(), ownFiles: entries, settings };
}

async function deployed(
  context: Context,
  text: string,
  command: Command,
): Promise<Omit<Tested, "input">> {
  const [given] = givenOn(command);
  if (given !== undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      `there is no file ${text}, and a deployed function has its settings: omit ${given.where}`,
    );
  return deployedVersion(await context.client(), parseFunctionRef(text));
}
