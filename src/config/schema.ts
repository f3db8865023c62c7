// Every key of the configuration file: shape, default and description. The reference, the sample
// and the manual page are generated from it.

import { z } from "zod";
import { access } from "./access.js";
import { blobs, checkpoints, functions, results } from "./functions.js";
import { interference } from "./interference.js";
import { isolation } from "./isolation.js";
import { leases } from "./leases.js";
import { listen } from "./listen.js";
import { placement } from "./placement.js";
import { programs } from "./programs.js";
import { run } from "./run.js";
import { megabytes, milliseconds, path } from "./shapes.js";
import { munge, poll, slurm } from "./slurm.js";

const executor = z
  .strictObject({
    orphanMs: milliseconds
      .min(1_000)
      .default(30_000)
      .describe(
        "An executor that has had no connection to gleanerd for this time kills its functions and exits.",
      ),
  })
  .describe("Executors on the nodes.");

const store = z
  .strictObject({
    retainDays: z
      .int()
      .min(1)
      .max(36_500)
      .default(90)
      .describe(
        "gleanerd removes records from the database this many days after their end: invocations with their scripts, attempts, and the records of reports. The sum of each user and day stays, and `glean bill --verify` still balances.",
      ),
    reserveMb: megabytes
      .default(512)
      .describe(
        "gleanerd refuses submissions while less than this is free on the file system of `stateDirectory`, so that it can record the results of what it accepted.",
      ),
  })
  .describe("The database.");

const leasePrice = z.int().min(0).max(1_000_000_000).nullable().default(null);

const leaseRates = z
  .strictObject({
    executionMicroCreditsPerCoreSecond: leasePrice.describe(
      "The price of the processor time that a leased worker uses, unless it may spin.",
    ),
    hotMicroCreditsPerCoreSecond: leasePrice.describe(
      "The price of the processor time of a lease that may spin (`hotMs` is not 0), up to one core. Calls look the same from outside, and cost the same.",
    ),
    heldMicroCreditsPerCoreSecond: leasePrice.describe(
      "The price of the core-time that a leased worker holds and does not use.",
    ),
  })
  .describe(
    "The prices of a core-second in a lease; each core-second has one of them. `null`: as rates.microCreditsPerCoreSecond.",
  );

const rates = z
  .strictObject({
    microCreditsPerCoreSecond: z
      .int()
      .min(0)
      .max(1_000_000_000)
      .default(278)
      .describe("The price of a core-second. 278 is one credit for a core-hour."),
    microCreditsPerGbSecond: z
      .int()
      .min(0)
      .max(1_000_000_000)
      .default(28)
      .describe("The price of a GB-second of memory."),
    leases: leaseRates.prefault({}),
  })
  .describe("The rate card, in whole micro-credits (millionths of a credit).");

export const schema = z.strictObject({
  stateDirectory: path
    .default("/var/lib/gleaner")
    .describe(
      "The folder of the database gleaner.db and of the key that tokens and executors' secrets come from, for gleanerd's user alone (0700).",
    ),
  runDirectory: path
    .default("/run/gleaner")
    .describe(
      "The folder on every node of the hook's sockets and marks, for root alone. The same as `runDir` in hook.conf.",
    ),
  logDirectory: path
    .default("/var/log/gleaner")
    .describe(
      "The folder on every node of executor-NODE.log. gleanerd itself logs to standard output.",
    ),
  logLevel: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("The lowest level that gleanerd logs."),
  slurm: slurm.prefault({}),
  munge: munge.prefault({}),
  listen: listen.prefault({}),
  run: run.prefault({}),
  poll: poll.prefault({}),
  placement: placement.prefault({}),
  programs: programs.prefault({}),
  functions: functions.prefault({}),
  leases: leases.prefault({}),
  isolation: isolation.prefault({}),
  blobs: blobs.prefault({}),
  results: results.prefault({}),
  checkpoints: checkpoints.prefault({}),
  executor: executor.prefault({}),
  store: store.prefault({}),
  interference: interference.prefault({}),
  rates: rates.prefault({}),
  access: access.prefault({}),
});
