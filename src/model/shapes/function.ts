// The shape of a function's settings, as users deploy them and as a version keeps them; the types
// in model/functions/settings.ts are inferred from it.

import { z } from "zod";

/** Milliseconds and MB travel as 32-bit integers. */
const count = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
/** Linux's PATH_MAX without the terminating zero. */
const path = z.string().regex(/^\//, "must be an absolute path").max(4_095);
/** The most workers of one function, far above what one site keeps warm for a user. */
const maxWarm = 10_000;

export const functionSettings = z.strictObject({
  runtime: z.enum(["node", "python", "native", "exec"]),
  handler: z
    .string()
    .min(1)
    .max(1_024)
    .nullable()
    .describe("What is called, in the runtime's own notation; null: the runtime's default"),
  cores: z.int().min(1).max(65_535).describe("For each worker"),
  memoryMb: count.min(1).describe("For each worker"),
  gpus: z.int().min(0).max(64).describe("Whole GPUs for each worker"),
  timeLimitMs: count.min(1).describe("The limit on the run time of one call"),
  concurrency: z.int().min(1).max(1_000).describe("Calls that one worker may run at once"),
  environment: z.record(z.string(), z.string()).describe("Variables that a worker gets"),
  minWarm: z
    .int()
    .min(0)
    .max(maxWarm)
    .describe("Workers to keep warm even if nobody calls; each start of one is billed"),
  idleTimeoutMs: count
    .nullable()
    .describe("How long an idle worker is kept; null: what the calls so far suggest"),
  python: path.nullable().describe("The Python interpreter; null: the node's python3"),
  setup: z
    .string()
    .min(1)
    .max(65_536)
    .nullable()
    .describe("Shell commands that run where workers start, such as module load"),
  image: path.nullable().describe("A container image in which workers start"),
  fork: z
    .boolean()
    .describe("Whether workers are forked from a parent that has imported the handler's module"),
});

/** As deployed: the site's defaults take the place of null when the version is recorded. */
export const requestedSettings = functionSettings.extend({
  memoryMb: count.min(1).nullable(),
  timeLimitMs: count.min(1).nullable(),
});

/** The first entry of a bundle. */
export const manifest = z.strictObject({
  format: z.literal(1),
  settings: requestedSettings,
});
