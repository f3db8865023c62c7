// Shapes for functions: contents, deploy, list, show, aliases, sharing, removal.

import { z } from "zod";
import { isAlias, isFunctionName, nameRule } from "../../../model/functions/reference.js";
import { isSharing, type Sharing } from "../../../model/functions/settings.js";
import type { BlobHash, VersionId } from "../../../model/ids.js";
import { functionSettings } from "../../../model/shapes/function.js";
import { maxFunctionsListed, maxWaitMs } from "../limits.js";
import { time, userName, whole } from "./common.js";

const hash = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hexadecimal digits");
const blob = hash as unknown as z.ZodType<BlobHash, BlobHash>;
const version = hash as unknown as z.ZodType<VersionId, VersionId>;
const name = z
  .string()
  .refine(isFunctionName, `must be ${nameRule}, the first neither a dot nor a dash`);
const alias = z
  .string()
  .refine(isAlias, `must be ${nameRule}, and not look like a version's first digits`);
const sharing = z
  .string()
  .refine(isSharing, "must be none, all or group:NAME")
  .describe("none, all or group:NAME") as unknown as z.ZodType<Sharing, Sharing>;
/** A version's first digits, or an alias. */
const selected = z
  .string()
  .refine(
    (text) => isAlias(text) || /^[0-9a-f]{8,64}$/.test(text),
    "must be an alias, or at least the first 8 digits of a version",
  )
  .describe("An alias, or the first digits of a version");
const owner = z.union([z.literal("-"), userName]).describe("A user's name or uid; -: the caller");

export const blobParameter = z.strictObject({ sha256: blob });
export const blobAnswer = z.strictObject({
  sha256: blob,
  bytes: whole,
  isNew: z.boolean().describe("Whether the caller did not have it before"),
});

export const checkRequest = z.strictObject({
  requestId: z
    .uuid()
    .describe("A UUID that the client makes; a request that is sent again is recorded once"),
  name,
  bundle: version.describe("The hash of the bundle, which was sent before as a content"),
  waitMs: z
    .int()
    .min(0)
    .max(maxWaitMs)
    .default(0)
    .describe("How long to wait for the end of the check; 0: not at all"),
});
export const deployRequest = z.strictObject({
  requestId: z
    .uuid()
    .describe("A UUID that the client makes; a request that is sent again moves no alias back"),
  name,
  bundle: version.describe("The hash of the bundle, which is the version"),
  sharing: sharing.exactOptional().describe("If omitted, as before; a new function: none"),
  testOnly: z
    .boolean()
    .exactOptional()
    .describe("Whether it is only checked, and nothing deployed; if omitted, false"),
});
export const deployAnswer = z.strictObject({
  owner: z.string(),
  name: z.string(),
  version,
  isNew: z.boolean().describe("Whether the function did not have this version before"),
  removed: z.array(version).describe("Versions that made room, beyond functions.maxVersions"),
});

export const functionQuery = z.strictObject({
  user: userName.exactOptional().describe("Only the functions of this owner"),
  limit: z.coerce.number<number>().int().min(1).max(maxFunctionsListed).default(maxFunctionsListed),
});
const functionOwner = z.strictObject({ uid: whole, user: z.string() });
const runtime = functionSettings.shape.runtime;
const stopped = z
  .string()
  .nullable()
  .describe("Why calls of the caller are refused until it is deployed again; null if they are not");
export const functionSummary = z.strictObject({
  owner: functionOwner,
  name: z.string(),
  sharing,
  version: version.describe("The one that latest points to"),
  runtime,
  versions: whole,
  bytes: whole.describe("The bundles of all versions"),
  deployedAtMs: time,
  stopped,
});
export const functionList = z.strictObject({
  functions: z.array(functionSummary),
  truncated: z.boolean().describe("Whether there are more than the limit"),
});

export const functionParameter = z.strictObject({ owner, name });
export const versionParameter = functionParameter.extend({ version: selected });
export const aliasParameter = functionParameter.extend({ alias });
export const versionQuery = z.strictObject({
  version: selected.default("latest").describe("The version whose settings to show"),
});
export const functionVersion = z.strictObject({
  version,
  runtime,
  bytes: whole,
  deployedAtMs: time,
  stopped,
});
export const functionDetail = z.strictObject({
  owner: functionOwner,
  name: z.string(),
  sharing,
  aliases: z.array(z.strictObject({ alias: z.string(), version })),
  versions: z.array(functionVersion).describe("The newest first"),
  shown: z.strictObject({
    version,
    settings: functionSettings
      .omit({ environment: true })
      .describe("Without the values of variables, which may be secrets"),
    variables: z.array(z.string()).describe("The names of the variables in its environment"),
    warm: z
      .array(z.string())
      .readonly()
      .describe("Where it has idle workers for the caller, and how long they stay, in sentences"),
  }),
});

export const aliasRequest = z.strictObject({ version: selected });
export const aliasAnswer = z.strictObject({ alias: z.string(), version });
export const sharingRequest = z.strictObject({ sharing });
export const removeAnswer = z.strictObject({
  removed: z.string().describe("In words: a function, a version or an alias"),
});

/** Sent as it is, not as JSON. */
export const contentAnswer = z.instanceof(Uint8Array);
