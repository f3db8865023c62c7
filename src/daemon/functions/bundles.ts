// Checks a bundle that a user wants to deploy: every entry, and its manifest.

import { readBundle } from "../../bundle/read.js";
import type { BlobContent } from "../../core/ports/blobs.js";
import { Semaphore, UserSemaphores } from "../../limits/semaphore.js";
import { GleanerError } from "../../model/errors.js";
import { manifestText, type RequestedSettings } from "../../model/functions/settings.js";
import { manifest } from "../../model/shapes/function.js";

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
    throw bad(`${issue.path.join(".") || "the manifest"}: ${issue.message}`);
  }
  const { settings } = parsed.data;
  if (manifestText(settings) !== text)
    throw bad("they are not in their canonical form: deploy with glean, or with an SDK");
  return settings;
}
