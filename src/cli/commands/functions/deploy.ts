// `glean function deploy`: packs code with its settings and sends it to gleanerd.

import type { Command } from "commander";
import { scan } from "../../../bundle/scan.js";
import { GleanerError } from "../../../model/errors.js";
import { isFunctionName, nameRule, shownVersion } from "../../../model/functions/reference.js";
import { deploySent, packFunction, sendBundle } from "../../../sdk/functions/deploy.js";
import { showError } from "../../calls/answer.js";
import { type Context, exitStatus, type Run } from "../../context.js";
import { checkInHole } from "../../functions/check.js";
import { addFunctionOptions, givenOn } from "../../functions/command-line.js";
import { readFunctionFile } from "../../functions/file.js";
import { checkHere, withDefaults } from "../../functions/local.js";
import { settle } from "../../functions/options.js";
import { settingsOf } from "../../functions/runtime.js";
import type { Unloadable } from "../../functions/unloadable.js";
import { complain, json, print } from "../../output.js";
import { quoted } from "../../values.js";

const examples = `
A function.yaml beside the code may have all options but --json, by their long names (fork: false
for --no-fork); the command line overrides it. Files such as .git, __pycache__ and .venv stay out,
and those that .gleanerignore lists, in the notation of .gitignore.
The same code with the same settings is the same version.

First a worker loads the code in a hole, so that what cannot be loaded is not deployed; the time
that it takes is billed as a call. Without a free hole, check on this machine (--check local) or not
at all (--check none).

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
  if (wanted.check === "local") {
    const code = { called: name, version: packed.version, bundle: packed.open() };
    const problem = await checkHere({ ...code, settings: await withDefaults(context, settings) });
    if (problem !== null) return refuse(name, problem);
  }
  const client = await context.client();
  await sendBundle(client, packed);
  const { sharing } = wanted;
  const asked = { name, ...(sharing !== null && { sharing }) };
  if (wanted.check === "hole") {
    // A check is billed: what gleanerd will refuse does not run.
    await deploySent(client, { ...asked, testOnly: true }, packed.version);
    const problem = await checkInHole(client, name, packed.version);
    if (problem !== null) return refuse(name, problem);
  }
  const answer = await deploySent(client, asked, packed.version);
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

/** The function stays as it was. */
function refuse(name: string, { sentence, stack }: Unloadable): number {
  showError(`${name} was not deployed, since its code cannot be loaded`, sentence, stack);
  return exitStatus.failed;
}
