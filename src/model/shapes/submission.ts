// The shape of a submission, as users write it and as it is admitted; the types in
// model/invocation.ts are inferred from it.

import { z } from "zod";
import { maxGpus } from "../resources.js";
import { functionSettings } from "./function.js";
import { mail, schedule, scheduleChange, where } from "./schedule.js";

const count = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const path = z.string().min(1).max(4_096);
const gpus = z.int().min(0).max(maxGpus);
const words = z.array(z.string());
/** Arguments and words of a command. */
const maxWords = 4_096;

const script = z.strictObject({
  kind: z.literal("script"),
  body: z.string().describe("Starts with #!"),
  args: words.max(maxWords),
});
const argv = z.strictObject({ kind: z.literal("argv"), argv: words.min(1).max(maxWords) });

/** More addresses than a login node has networks. */
const maxHosts = 8;

const attached = z
  .strictObject({
    kind: z.literal("attached"),
    argv: words.min(1).max(maxWords),
    client: z
      .strictObject({
        hosts: z
          .array(z.string().regex(/^[A-Za-z0-9._:-]{1,253}$/))
          .min(1)
          .max(maxHosts)
          .describe("Names and addresses by which nodes may reach the client's machine"),
        port: z.int().min(1).max(65_535),
        socket: z
          .string()
          .regex(/^[A-Za-z0-9-]{1,100}$/)
          .describe("An abstract unix socket, for an executor on the client's machine"),
        bootId: z
          .string()
          .regex(/^[0-9a-f-]{0,64}$/)
          .describe("The boot id of the client's machine"),
      })
      .describe("Where the command's node connects to; both prove that they know the run's key"),
  })
  .describe("Its standard streams are those of a client that waits for it: `glean run`");

/** What users may submit; a function is called through its own routes. */
export const ownCommand = z.discriminatedUnion("kind", [script, argv, attached]);

/** At most a day: timers and records hold it. */
const leaseMs = z.int().min(0).max(86_400_000);
export const leaseTerms = z.strictObject({
  hotMs: z
    .int()
    .min(-1)
    .max(86_400_000)
    .describe("How long a worker spins after a call before it blocks; -1: always, 0: not at all"),
  ttlMs: leaseMs.min(1).describe("It ends after this time without a renewal"),
  idleMs: leaseMs.describe("A worker that has had no client for this time ends the lease"),
});

const call = z.strictObject({
  kind: z.literal("call"),
  function: z.string().max(400).describe("As in ada/tile"),
  version: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe("The SHA-256 of its bundle"),
  bundleBytes: count,
  settings: functionSettings,
  isCheck: z
    .boolean()
    .exactOptional()
    .describe("Only loads the handler, before a version is deployed"),
  lease: leaseTerms.exactOptional().describe("Its worker serves clients instead of one input"),
});

export const command = z.discriminatedUnion("kind", [script, argv, attached, call]);

export const notice = z.strictObject({
  signal: z.int().min(1).max(64),
  leadMs: count.describe("How long before an eviction, where that can be foreseen"),
  mainOnly: z.boolean().describe("To the command's own process, not to those it started"),
});

export const requestedNotice = notice.extend({
  leadMs: count
    .nullable()
    .describe("If null, 60 s; at half of a time limit that is no longer than this"),
});

export const taskRange = z
  .strictObject({
    from: count,
    to: count,
    step: z
      .int()
      .min(1)
      .max(2 ** 31 - 1),
  })
  .describe("from, from + step and so on, up to `to`");
export const arrayTasks = z.array(z.union([count, taskRange]));

const name = z.string().min(1).max(256);
/** Longer ones are for nobody's eyes. */
const maxComment = 1_024;
const comment = z.string().max(maxComment);

/** As Slurm propagates them, except core: functions write no core files. */
const limit = z
  .string()
  .regex(/^(cpu|fsize|data|stack|rss|nproc|nofile|memlock|as):(\d{1,15}|unlimited)$/);

/** Fewer options of sbatch set one. */
const maxOptionVariables = 64;

/** What a command gets of the shell that it was submitted from; if omitted, the node's. */
const fromShell = {
  submitHost: z.string().min(1).max(255).exactOptional(),
  submitDirectory: path
    .exactOptional()
    .describe("Where it was submitted; if omitted, the working directory"),
  scriptPath: path
    .exactOptional()
    .describe("The file that the script was read from; omitted if there was none"),
  umask: z.int().min(0).max(0o777).exactOptional().describe("If omitted, 0022"),
  limits: z
    .array(limit)
    .max(16)
    .exactOptional()
    .describe("Soft resource limits, as in stack:unlimited; at most the node's hard ones"),
};

export const submission = z.strictObject({
  name,
  command,
  cores: count,
  memoryMb: count,
  gpus: gpus.describe("Whole GPUs of one node; the function learns which ones when it runs"),
  timeLimitMs: count.describe("The limit on the run time of one attempt"),
  workingDirectory: path,
  stdoutPattern: path
    .nullable()
    .describe("A file name pattern; null: Slurm's default, slurm-%j.out or slurm-%A_%a.out"),
  stderrPattern: path.nullable().describe("null: the same file as standard output"),
  ntasks: z
    .int()
    .min(1)
    .max(65_535)
    .exactOptional()
    .describe("The tasks among which a script divides its cores: SLURM_NTASKS"),
  coresPerTask: z
    .int()
    .min(1)
    .max(65_535)
    .exactOptional()
    .describe("SLURM_CPUS_PER_TASK, which a function has only if this is given"),
  optionVariables: z
    .record(z.string().regex(/^SLURM_[A-Z_]{1,40}$/), z.string().max(1_024))
    .refine((variables) => Object.keys(variables).length <= maxOptionVariables)
    .exactOptional()
    .describe("What sbatch sets for options that were given, such as SLURM_NTASKS_PER_NODE"),
  stdinPattern: path.exactOptional().describe("If omitted, /dev/null"),
  openMode: z
    .enum(["append", "truncate"])
    .exactOptional()
    .describe("If omitted, truncate, but tasks of an array that share a file keep each other's"),
  ...fromShell,
  environment: z.record(z.string(), z.string()),
  arrayTasks: arrayTasks
    .nullable()
    .describe("Task numbers of an array, or ranges of them; null: no array"),
  notice: notice
    .nullable()
    .exactOptional()
    .describe("The signal that announces an eviction; if omitted, SIGKILL comes without one"),
  checkpoint: z
    .boolean()
    .exactOptional()
    .describe("Whether it gets a folder that outlives its attempts"),
  schedule: schedule.exactOptional(),
  where: where.exactOptional(),
  mail: mail.exactOptional(),
  comment: comment.min(1).exactOptional().describe("The user's words, shown in listings"),
});

/** What may change of a submission that has not ended. */
export const change = z.strictObject({
  name: name.exactOptional(),
  comment: comment.exactOptional().describe("Empty: none"),
  timeLimitMs: count.exactOptional().describe("While nothing of it runs"),
  ...scheduleChange,
});

export const submissionRequest = submission.extend({
  command: ownCommand,
  memoryMb: count.nullable().describe("null: memoryPerCoreMb for each core"),
  memoryPerCoreMb: count.nullable().describe("null: the site's default"),
  gpus: gpus.default(0),
  timeLimitMs: count.nullable().describe("null: the site's default"),
  notice: requestedNotice.nullable().default(null),
  checkpoint: z.boolean().default(false),
});
