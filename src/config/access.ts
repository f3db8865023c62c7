// The keys of `access`: who may run functions, who operates, how long a token lasts.

import { z } from "zod";
import { maxUid, userShape } from "../model/user.js";

/** A user's name, or a uid. */
export const user = z.string().regex(userShape, "must be a user's name or uid");
/** Slurm's own words for accounts, and the system's for groups, which may hold blanks. */
const groupName = z.string().min(1).max(256);
const accessLists = z.strictObject({
  /** Names or uids. */
  users: z.array(user).default([]),
  groups: z.array(groupName).default([]),
  /** Slurm accounts, by Slurm's accounting (sacctmgr). */
  accounts: z.array(groupName).default([]),
});

export const access = z.strictObject({
  /** Who may run functions: one of these is enough; nobody listed: everybody. */
  allow: accessLists.prefault({}),
  /** Who may not; goes before `allow`. */
  deny: accessLists.prefault({}),
  /** Users below it are services'; login.defs has 1000 as UID_MIN. */
  minimumUid: z.int().min(0).max(maxUid).default(1_000),
  /** Users below it, or without a login shell, who may run functions all the same. */
  serviceUsers: z.array(user).default([]),
  /** Users beside root who may drain, resume and see everything. */
  operators: z.array(user).default([]),
  /** Whether root may submit functions: off, since they would run as root beside batch jobs. */
  allowRootFunctions: z.boolean().default(false),
  /** How long a token lasts that a munge credential was exchanged for. */
  tokenMs: z.int().min(1_000).max(2_147_483_647).default(300_000),
});
