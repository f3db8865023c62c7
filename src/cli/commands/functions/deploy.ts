// `glean function deploy`: packs code with its settings and sends it to gleanerd.

import type { Command } from "commander";
import { scan } from "../../../bundle/scan.js";
import { GleanerError } from "../../../model/errors.js";
import { isFunctionName, nameRule, shownVersion } from "../../../model/functions/reference.js";
import { deployFunction, packFunction } from "../../../sdk/functions/deploy.js";
import { type Context, exitStatus, type Run } from "../../context.js";
import { addFunctionOptions, givenOn } from "../../functions/command-line.js";
import { readFunctionFile } from "../../functions/file.js";
import { settle } from "../../functions/options.js";
import { settingsOf } from "../../functions/runtime.js";
import { complain, json, print } from "../../output.js";
import { quoted } from "../../values.js";

const examples = `
A function.yaml beside the code may have all options, by their long names; the command line
overrides it. Files such as .git, __pycache__ and .venv stay out, and those that .gleanerignore
lists, in the notation of .gitignore.
The same code with the same settings is the same version.

Examples:
  glean function deploy tile tile.py --mem 2G -t 20s
  glean function deploy solve ./solver --python /opt/venv/bin/python --share group:hep
  glean function deploy legacy run.sh --runtime exec`;

export function defineDeploy(parent: Command, run: Run): void {
  const command = parent
    .command("deploy")
    .summary("deploy code as a function's newest version")
    .description("Deploy a file or a folder as the newest version of a function.")
    .argument("<name>", "the function's name")
    .argument("<path>", "a file or a folder")
    .addHelpText("after", examples);
  addFunctionOptions(command);
  command.option("--json", "one JSON document").action(run(deploy));
}

async function deploy(
  context: Context,
  name: string,
  path: string,
  options: { json?: boolean },
  command: Command,
): Promise<number> {
  if (!isFunctionName(name))
    throw new GleanerError("BAD_REQUEST", `invalid name ${quoted(name)}: expected ${nameRule}`);
  const given = [...(await readFunctionFile(path)), ...givenOn(command)];
  const wanted = settle(given);
  const entries = await scan(path);
  const settings = settingsOf(wanted, entries);
  const packed = await packFunction(entries, settings);
  const { sharing } = wanted;
  const client = await context.client();
  const asked = { name, ...(sharing !== null && { sharing }) };
  const answer = await deployFunction(client, asked, packed);
  for (const each of answer.removed)
    complain(
      `note: version ${shownVersion(each)} made room and was removed: no alias points to it`,
    );
  if (options.json) print(json({ ...answer, bytes: packed.bytes, runtime: settings.runtime }));
  else
    print(
      `${answer.isNew ? "Deployed" : "Unchanged"} ${answer.owner}/${name}@${shownVersion(answer.version)}\n`,
    );
  return exitStatus.done;
}
