// Checks a bundle that a user wants to deploy: every entry, and its manifest.

import { readBundle } from "../../bundle/read.js";
import type { BlobContent } from "../../core/ports/blobs.js";
import { admitSettings, type SettingsPolicy } from "../../core/submission/settings.js";
import { Semaphore, UserSemaphores } from "../../limits/semaphore.js";
import { GleanerError } from "../../model/errors.js";
import {
  type FunctionSettings,
  manifestText,
  type RequestedSettings,
} from "../../model/functions/settings.js";
import { bundleOf, type VersionId } from "../../model/ids.js";
import type { ResourceRequest } from "../../model/resources.js";
import { complaintOf } from "../../model/shaped.js";
import { manifest } from "../../model/shapes/function.js";
import type { Blobs } from "./blobs.js";

/** Each takes some milliseconds of gleanerd's time for a MiB, between other requests. */
const maxChecks = 4;
const maxWaitingOfUser = 32;

export class BundleChecks {
  private readonly all = new Semaphore(maxChecks);
  private readonly ofUsers = new UserSemaphores(1, {
    most: maxWaitingOfUser,
    refusal: "too many of your deploys wait to be checked: send one after the other",
  });

  /** The settings in the bundle; rejects with BAD_REQUEST if it is not one that pack() makes. */
  settingsOf(uid: number, open: () => Promise<BlobContent>): Promise<RequestedSettings> {
    return this.ofUsers.run(uid, () => this.all.run(async () => readSettings(await open())));
  }
}

/** What tells the settings of a bundle that its owner has sent. */
export interface BundleParts {
  readonly blobs: Pick<Blobs, "openOwn">;
  readonly bundleChecks: BundleChecks;
  readonly admission: SettingsPolicy;
  /** null until gleanerd has read Slurm. */
  readonly largestNode: () => ResourceRequest | null;
}

export interface AdmittedBundle {
  readonly bytes: number;
  readonly settings: FunctionSettings;
}

/** Rejects with NOT_FOUND if the user has not sent it, BAD_REQUEST if no call of it could run. */
export async function admitBundle(
  { blobs, bundleChecks, admission, largestNode }: BundleParts,
  uid: number,
  version: VersionId,
): Promise<AdmittedBundle> {
  let bytes = 0;
  const requested = await bundleChecks.settingsOf(uid, async () => {
    const content = await blobs.openOwn(uid, bundleOf(version));
    if (content === null)
      throw new GleanerError(
        "NOT_FOUND",
        `gleanerd does not have your bundle ${version}: send it with PUT /v1/blobs/${version}`,
      );
    bytes = content.bytes;
    return content;
  });
  return { bytes, settings: admitSettings(requested, uid, largestNode(), admission) };
}

async function readSettings({ content, close }: BlobContent): Promise<RequestedSettings> {
  let settings: RequestedSettings | null = null;
  try {
    for await (const entry of readBundle(content)) {
      if (settings !== null) continue;
      const parts: Buffer[] = [];
      for await (const part of entry.content) parts.push(part);
      settings = parse(Buffer.concat(parts).toString("utf8"));
    }
  } finally {
    await close();
  }
  // A bundle without a manifest was refused.
  return settings!;
}

function parse(text: string): RequestedSettings {
  const bad = (why: string) =>
    new GleanerError("BAD_REQUEST", `the function's settings in the bundle: ${why}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad("they are not JSON");
  }
  const parsed = manifest.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw bad(`${issue.path.join(".") || "the manifest"}: ${complaintOf(issue)}`);
  }
  const { settings } = parsed.data;
  if (manifestText(settings) !== text)
    throw bad("they are not in their canonical form: deploy with glean, or with an SDK");
  return settings;
}
