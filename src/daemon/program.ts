// The command line of gleanerd.

import { Command } from "commander";

export const newProgram = (version: string): Command =>
  new Command("gleanerd")
    .description("Run short functions in what Slurm leaves idle.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this")
    .option(
      "--config <FILE>",
      "the configuration (else $GLEANER_CONF, else /etc/gleaner/gleaner.yaml)",
    )
    .option("--check", "check the configuration, print what is wrong with it, and exit");
