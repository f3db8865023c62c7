// The section access: who may run functions, who operates, how long a token lasts.

import { z } from "zod";
import { maxUid, userShape } from "../model/user.js";
import { milliseconds } from "./shapes.js";

/** A user's name, or a uid. */
export const user = z
  .string()
  .regex(userShape, "must be a user's name or uid")
  .meta({ title: "user name or uid" });
/** Slurm's own words for accounts, and the system's for groups, which may hold blanks. */
const groupName = z.string().min(1).max(256).meta({ title: "name" });

const accessLists = (verb: string) =>
  z.strictObject({
    users: z.array(user).default([]).describe(`Users that ${verb}, names or uids.`),
    groups: z.array(groupName).default([]).describe(`Unix groups whose members ${verb}.`),
    accounts: z
      .array(groupName)
      .default([])
      .describe(
        `Slurm accounts whose users ${verb}. gleanerd asks sacctmgr, so it needs slurmdbd.`,
      ),
  });

export const access = z
  .strictObject({
    allow: accessLists("may run functions")
      .prefault({})
      .describe(
        "Who may run functions: one match is enough. If all three lists are empty, everybody may. The lists hold for operators, too.",
      ),
    deny: accessLists("may not run functions")
      .prefault({})
      .describe("Who may not run functions, whatever `allow` says."),
    minimumUid: z
      .int()
      .min(0)
      .max(maxUid)
      .default(1_000)
      .describe(
        "Users below this uid, and users whose shell is nologin or false, belong to services. gleanerd refuses their functions.",
      ),
    serviceUsers: z
      .array(user)
      .default([])
      .describe("Users of services who may run functions all the same."),
    operators: z
      .array(user)
      .default([])
      .describe(
        "Users in addition to root who may drain, resume, verify the ledger, run the doctor, and see and cancel other users' work.",
      ),
    allowRootFunctions: z
      .boolean()
      .default(false)
      .describe("Whether root may submit functions. They run as root beside batch jobs."),
    tokenMs: milliseconds
      .min(1_000)
      .default(300_000)
      .describe("How long a token is valid. A client gets one in exchange for a munge credential."),
  })
  .describe("Who may do what.");
