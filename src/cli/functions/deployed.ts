// Fetches a deployed version with its code and settings, to run it here.

import { readBundle } from "../../bundle/read.js";
import { GleanerError } from "../../model/errors.js";
import type { FunctionRef } from "../../model/functions/reference.js";
import type { Manifest } from "../../model/functions/settings.js";
import { versionId } from "../../model/ids.js";
import type { GleanerClient } from "../../sdk/index.js";
import type { Tested } from "./local.js";

export async function deployedVersion(
  client: GleanerClient,
  ref: FunctionRef,
): Promise<Omit<Tested, "input">> {
  const { selector } = ref;
  const selected = selector.kind === "alias" ? selector.alias : selector.prefix;
  const { owner, name, shown } = await client.functions.show(ref, selected);
  const bytes = await client.functions.bundle(ref, shown.version);
  const environment = await environmentIn(bytes);
  return {
    called: `${owner.user}/${name}`,
    version: versionId(shown.version),
    bundle: once(bytes),
    settings: { ...shown.settings, environment },
  };
}

/** The daemon shows no values of variables; the bundle has them. */
async function environmentIn(bundle: Uint8Array): Promise<Readonly<Record<string, string>>> {
  // The manifest is first.
  for await (const { content } of readBundle(once(bundle))) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    const { settings } = JSON.parse(Buffer.concat(parts).toString("utf8")) as Manifest;
    return settings.environment;
  }
  throw new GleanerError("PROTOCOL", "the bundle has no manifest");
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
