// The sections functions, blobs, results and checkpoints: what functions may ask for, and how many
// there may be.

import { z } from "zod";
import { megabytes, milliseconds, path } from "./shapes.js";

export const functions = z
  .strictObject({
    defaultMemoryPerCoreMb: megabytes
      .min(1)
      .default(1_000)
      .describe("The memory of each core for a submission without `--mem` and `--mem-per-cpu`."),
    defaultTimeLimitMs: milliseconds
      .min(1)
      .default(600_000)
      .describe("The time limit of a submission without `--time`."),
    maxTimeLimitMs: milliseconds
      .min(1)
      .default(604_800_000)
      .describe(
        "The longest time limit that a submission may ask for. Scripts of batch jobs ask for days and run for minutes, so the default refuses few of them. `UNLIMITED` asks for this limit.",
      ),
    lowerTimeLimit: z
      .boolean()
      .default(false)
      .describe(
        "Whether a submission that asks for more than `maxTimeLimitMs` gets that instead of being refused; the answer says so.",
      ),
    mailProgram: path
      .nullable()
      .default(null)
      .describe(
        "The program that sends the mails of `--mail-type`, as Slurm's MailProg, such as /usr/bin/mail: it is run with `-s SUBJECT ADDRESS`. `null`: no mails are sent, and submissions that ask for some are told so.",
      ),
    noRequeue: z
      .enum(["once", "refuse"])
      .default("once")
      .describe(
        "What `--no-requeue` does: `once`: an eviction ends the invocation as FAILED; `refuse`: it is refused.",
      ),
    maxPending: z
      .int()
      .min(2)
      .default(4_000_000)
      .describe(
        "The number of invocations in the queue, over all users, with every task of an array. A user may have as many as stay free for the others: alone half of it. With the default, three users can each have an array of 1,000,000 tasks.",
      ),
    maxPendingEntries: z
      .int()
      .min(2)
      .default(200_000)
      .describe(
        "The number of entries in the queue, over all users. Each takes about 1 kB of gleanerd's memory: an invocation, and tasks of an array whose numbers are evenly spaced, until an executor has them. A user's part follows the rule of `maxPending`.",
      ),
    maxDocumentsMb: megabytes
      .min(1)
      .default(8_192)
      .describe(
        "The size of all scripts, environments and inputs of the queue, on the disk of `stateDirectory`. A user's part follows the rule of `maxPending`.",
      ),
    maxArrayTasks: z
      .int()
      .min(1)
      .default(1_000_000)
      .describe("The number of tasks of one array, as Slurm's MaxArraySize."),
    cacheDirectory: path
      .default("/var/cache/gleaner")
      .describe(
        "A folder on the nodes for the code of functions, at most 4 GiB and 1,024 versions, and for up to 1 GB of large results that gleanerd has not fetched yet; created if it is missing. Only users whose calls run on a node can read the code there, if its file system has access control lists.",
      ),
    temporaryDirectory: path
      .default("/tmp")
      .describe(
        "A directory on the nodes, as Slurm's TmpFS, in which each function gets a folder for its temporary files: private to it, in `TMPDIR`, and removed at its end. All users may have write access to it if none may rename another's files (mode 1777, as /tmp).",
      ),
    gpuDevices: path
      .nullable()
      .default("/dev/nvidia")
      .describe(
        "The device files of a node's GPUs, without their numbers, in the order of gres.conf. On nodes with the devices controller of cgroup version 1 a function opens only its own. `null`: functions may open every GPU.",
      ),
    killWaitMs: milliseconds
      .default(2_000)
      .describe(
        "The time from SIGTERM to SIGKILL at a time limit or a cancel. An eviction gives no time.",
      ),
    maxFunctions: z
      .int()
      .min(1)
      .max(100_000)
      .default(500)
      .describe("The number of functions that one user may have deployed."),
    maxVersions: z
      .int()
      .min(2)
      .max(1_000)
      .default(100)
      .describe(
        "The number of versions of one function. A deploy beyond it removes the oldest version that no alias points to.",
      ),
    maxWarmMbOfUser: megabytes
      .default(16_384)
      .describe(
        "The memory of all workers that one user may have kept warm (`--min-warm`), whether anybody calls them or not. 0: none.",
      ),
    maxLostAttempts: z
      .int()
      .min(1)
      .default(10)
      .describe(
        "An invocation that has lost this many executors in a row ends FAILED, because it may be the cause.",
      ),
  })
  .describe("Defaults and limits of submissions.");

export const blobs = z
  .strictObject({
    maxMb: megabytes
      .min(1)
      .default(65_536)
      .describe(
        "The size of all contents, over all users, on the disk of `stateDirectory`. A user's part follows the rule of `functions.maxPending`.",
      ),
    maxMbOfUser: megabytes
      .min(1)
      .default(8_192)
      .describe("The size of the contents of one user, whatever is free."),
    keepUnusedMs: milliseconds
      .min(180_000)
      .default(3_600_000)
      .describe(
        "gleanerd removes a content that no version of a function and no call refers to after this time, and a removed version that no call refers to.",
      ),
  })
  .describe(
    "Contents that gleanerd keeps by their hash: bundles of functions, large inputs and results.",
  );

export const results = z
  .strictObject({
    keepMs: milliseconds
      .min(60_000)
      .default(86_400_000)
      .describe(
        "gleanerd keeps the answer of a call, its input and what it printed for this time after its end, and removes them within the hour that follows. Those of a call without an answer (cancelled, out of time) stay as long as its record. A day lets a user fetch in the morning what ran over night, and bounds the disk that results take.",
      ),
  })
  .describe("Results of calls.");

export const checkpoints = z
  .strictObject({
    directory: path
      .nullable()
      .default(null)
      .describe(
        "The directory of checkpoint folders (mode 0700, made and removed as the user), on a file system that all nodes share. All users may write to it, and none may delete another user's files (mode 1777, as /tmp). `null`: the function's working directory.",
      ),
    maxFolders: z
      .int()
      .min(0)
      .default(20_000)
      .describe(
        "The number of invocations, over all users, that have or may get a checkpoint folder. A user's part follows the rule of `functions.maxPending`.",
      ),
    keepMs: milliseconds
      .default(604_800_000)
      .describe(
        "gleanerd tries for this time after the end to remove a folder, and then leaves it to its owner.",
      ),
  })
  .describe("Folders for functions that save their state.");
