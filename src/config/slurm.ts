// The sections slurm, munge and poll: how gleanerd reaches Slurm and munge, and how often it reads
// Slurm.

import { z } from "zod";
import { user } from "./access.js";
import { milliseconds, path } from "./shapes.js";

export const slurm = z
  .strictObject({
    conf: path
      .nullable()
      .default(null)
      .describe(
        "The path of slurm.conf. `null`: the one that Slurm's commands find by themselves.",
      ),
    binDirectory: path
      .nullable()
      .default(null)
      .describe("The folder of `squeue` and `scontrol`. `null`: PATH."),
    commandTimeoutMs: milliseconds
      .default(10_000)
      .describe(
        "A command of Slurm that takes longer is killed and counts as failed. Slurm's own MessageTimeout is 10 s by default.",
      ),
  })
  .describe("How gleanerd calls Slurm.");

export const munge = z
  .strictObject({
    socket: path
      .nullable()
      .default(null)
      .describe("The socket of munged. `null`: munge's own default."),
    daemonUser: user
      .default("root")
      .describe(
        "The user that gleanerd runs as, a name or a uid. Clients make credentials that munge lets only this user decode.",
      ),
  })
  .describe("How clients and gleanerd reach munge.");

export const poll = z
  .strictObject({
    intervalMs: milliseconds
      .min(100)
      .default(5_000)
      .describe("The time between two reads of slurmctld if no hook reports anything."),
    minimumMs: milliseconds
      .min(20)
      .default(250)
      .describe("The shortest time between two reads, however often hooks report."),
    staleMs: milliseconds
      .min(500)
      .default(15_000)
      .describe("gleanerd starts no executor if its view of Slurm is older than this."),
    maximumMs: milliseconds
      .min(1_000)
      .default(60_000)
      .describe("The longest pause that gleanerd gives a slow or failing slurmctld."),
  })
  .describe("How often gleanerd reads slurmctld.");
