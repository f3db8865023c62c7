// `glean setup`: configures Gleaner on the controller, or takes out again what it wrote.

import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { GleanerError } from "../../../model/errors.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { print } from "../../output.js";
import { readAnswers, type SetupOptions, withTerminal } from "../../setup/answers.js";
import { textOf } from "../../setup/files.js";
import { setUp, undo } from "../../setup/setup.js";
import { remembered } from "../../setup/site-config.js";

interface Options extends SetupOptions {
  writeSlurmConf?: string;
  undo?: boolean;
}

const examples = `
It asks for what no option gives, writes a marked block into gleaner.yaml, and starts gleanerd; a
second run changes it. It never restarts Slurm.

Examples:
  glean setup
  glean setup --launcher local --write-slurm-conf /etc/slurm/slurm.conf
  glean setup --launcher ssh --host ctl1.cluster --prolog none
  glean setup --undo       take out exactly what it wrote`;

export const define: Define = (command, run) => {
  command
    .option("--launcher <NAME>", "how executors start: local (this is the only node), ssh or pilot")
    .option("--host <NAME>", "this machine's name or address in the cluster's network")
    .option("--prolog <PATH>", "a prolog of the site that calls glean-prolog, or none")
    .option("--write-slurm-conf <PATH>", "add the lines to this slurm.conf, after a backup")
    .option("--undo", "take out what glean setup wrote")
    .addHelpText("after", examples)
    .action(run(setup));
};

async function setup(context: Context, options: Options): Promise<number> {
  const { configFile } = context;
  const programFolder = dirname(process.argv[1]!);
  const { undo: isUndo, writeSlurmConf, ...given } = options;
  if (isUndo) {
    if (Object.keys(given).some((key) => key !== "config") || writeSlurmConf !== undefined)
      throw new GleanerError(
        "BAD_REQUEST",
        "--undo takes no other option: it knows what was written",
      );
    print(undo({ configFile, programFolder }));
    return exitStatus.done;
  }
  const before = remembered(textOf(configFile)) ?? {};
  const answers = await withTerminal((ask) =>
    readAnswers(given, { hostName: hostname(), ask, before }),
  );
  const said = await setUp(answers, {
    configFile,
    programFolder,
    writeSlurmConf: writeSlurmConf === undefined ? null : resolve(writeSlurmConf),
    usualSlurmConf: context.environment.SLURM_CONF ?? "/etc/slurm/slurm.conf",
    checkConfig: async (text) => {
      const { parseConfig, parseYaml } = await import("../../../config.js");
      parseConfig(parseYaml(text, configFile), configFile);
    },
  });
  print(said);
  return exitStatus.done;
}
