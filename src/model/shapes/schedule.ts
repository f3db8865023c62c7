// The shape of what a submission asks about when and where it may run, beyond free resources.

import { z } from "zod";
import { mailAddresses } from "../user.js";

const atMs = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
/** More are no dependencies of one step of a workflow. */
const maxConditions = 1_000;

/** What fails so often fails always. */
const maxRetries = 100;

const dependencyKinds = [
  "after",
  "afterany",
  "afterok",
  "afternotok",
  "aftercorr",
  "singleton",
] as const;

const condition = z.strictObject({
  kind: z.enum(dependencyKinds),
  of: z
    .string()
    .regex(/^\d{1,10}(_\d{1,10})?$/)
    .exactOptional()
    .describe("The id of an invocation, an array or a task; omitted for singleton"),
  delayMs: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .exactOptional()
    .describe("For after: how long after the start; if omitted, 0"),
});

const dependency = z.strictObject({
  any: z.boolean().describe("Whether one of the conditions is enough"),
  on: z.array(condition).min(1).max(maxConditions),
  endIfNever: z
    .boolean()
    .exactOptional()
    .describe("Whether it is cancelled once the dependency can never be satisfied"),
});

const mostRunning = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

export const schedule = z
  .strictObject({
    dependency: dependency.exactOptional(),
    beginAtMs: atMs.exactOptional().describe("Does not start earlier"),
    deadlineAtMs: atMs.exactOptional().describe("Is cancelled once it could not end in time"),
    held: z.boolean().exactOptional().describe("Waits until it is released"),
    heldTasks: z
      .array(z.int().min(0))
      .max(1_000)
      .exactOptional()
      .describe("Tasks of the array that wait until they are released"),
    mostRunning: mostRunning
      .exactOptional()
      .describe("The most tasks of the array that run at once"),
    retries: z
      .int()
      .min(0)
      .max(maxRetries)
      .exactOptional()
      .describe("How often it runs again after it failed; if omitted, it does not"),
    once: z.boolean().exactOptional().describe("An eviction ends it, instead of a new attempt"),
  })
  .describe("When it may start; if omitted, as soon as there is a place");

/** Parts of it that may change after the submission; null takes one away. */
export const scheduleChange = {
  dependency: dependency.nullable().exactOptional(),
  beginAtMs: atMs.nullable().exactOptional(),
  deadlineAtMs: atMs.nullable().exactOptional(),
  mostRunning: mostRunning.nullable().exactOptional(),
};

export const mail = z
  .strictObject({
    on: z.array(z.enum(["begin", "end", "fail"])).max(3),
    eachTask: z.boolean().describe("For each task of an array, instead of for the array"),
    to: z
      .string()
      .max(255)
      .regex(mailAddresses, "must be a user or an address, or several with commas")
      .exactOptional()
      .describe("If omitted, its owner"),
  })
  .describe("When its owner gets a mail, where the site sends mails; if omitted, never");

const maxListLength = 4_096;
/** No site counts more. */
const maxGresNames = 32;

export const where = z
  .strictObject({
    node: z
      .string()
      .max(255)
      .regex(/^[A-Za-z0-9._-]+$/)
      .exactOptional()
      .describe("The only node on which it may run"),
    exclude: z
      .string()
      .max(maxListLength)
      .regex(/^[A-Za-z0-9._,[\]-]+$/)
      .exactOptional()
      .describe("Nodes on which it must not run, as a host list"),
    constraint: z
      .string()
      .max(maxListLength)
      .exactOptional()
      .describe("Features of the node, with &, | and parentheses"),
    exclusive: z
      .boolean()
      .exactOptional()
      .describe("Whether it gets all cores of the smallest node that will do"),
    temporaryMb: z
      .int()
      .min(1)
      .max(2 ** 30)
      .exactOptional()
      .describe("The space for temporary files that its node must have"),
    gres: z
      .record(
        z
          .string()
          .max(64)
          .regex(/^[A-Za-z]\w*$/),
        z
          .int()
          .min(1)
          .max(2 ** 31 - 1),
      )
      .refine((counts) => Object.keys(counts).length <= maxGresNames)
      .exactOptional()
      .describe("Counted resources of its node that it holds, such as nvme"),
    gpuType: z.string().max(255).exactOptional().describe("The type of its GPUs, as Slurm has it"),
  })
  .describe("The nodes on which it may run; if omitted, all");
