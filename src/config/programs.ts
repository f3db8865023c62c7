// The section programs: the paths of the programs that run on nodes.

import { z } from "zod";
import { path } from "./shapes.js";

export const programs = z
  .strictObject({
    node: path
      .default("/usr/bin/node")
      .describe("Node on the nodes. The executor is started as `NODE EXECUTOR`."),
    executor: path
      .default("/usr/lib/gleaner/glean-executor.cjs")
      .describe(
        "The executor: on the nodes, or on this machine if gleanerd copies it (`placement.ssh.executor`).",
      ),
    spawn: path
      .default("/usr/libexec/gleaner/glean-spawn")
      .describe("glean-spawn, in the same place as `executor`."),
    hook: z
      .enum(["prolog", "spank"])
      .default("prolog")
      .describe(
        "How Slurm runs the hook. `prolog`: `Prolog=` and `Epilog=` of slurm.conf. `spank`: the plugin in plugstack.conf.",
      ),
    prolog: path
      .default("/usr/libexec/gleaner/glean-prolog")
      .describe(
        "The value of `Prolog=` in slurm.conf, character for character, or the program that `prologWrapper` calls.",
      ),
    epilog: path
      .default("/usr/libexec/gleaner/glean-epilog")
      .describe("The value of `Epilog=` in slurm.conf, character for character."),
    prologWrapper: path
      .nullable()
      .default(null)
      .describe(
        "A prolog of the site's own that calls `prolog`. slurm.conf then names this one, character for character. `null`: none.",
      ),
    plugin: path
      .default("/usr/lib/gleaner/gleaner.so")
      .describe(
        "The SPANK plugin, character for character as in plugstack.conf on the nodes. It counts only with `hook: spank`.",
      ),
  })
  .describe("The programs on the nodes.");
