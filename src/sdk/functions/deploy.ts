// Deploys a file or a folder: packs it with its settings, sends the bundle, and lets the function's
// name point to it.

import { bundleDigest, packBundle, requireSize, type SourceEntry } from "../../bundle/pack.js";
import {
  manifestText,
  type RequestedSettings,
  type Sharing,
} from "../../model/functions/settings.js";
import type { VersionId } from "../../model/ids.js";
import type { DeployAnswer } from "../../wire/api/types.js";
import { randomUuid } from "../random.js";
import type { FunctionsClient } from "./client.js";

/** A bundle that is read again from its files when it is sent. */
export interface PackedFunction {
  readonly version: VersionId;
  readonly bytes: number;
  readonly open: () => AsyncIterable<Uint8Array>;
}

interface Client {
  readonly functions: FunctionsClient;
}

export interface Deploy {
  readonly name: string;
  /** If omitted, as before; a new function is shared with nobody. */
  readonly sharing?: Sharing;
  /** Whether gleanerd only says what it would refuse. */
  readonly testOnly?: boolean;
}

/** `entries` are what scan() found. Throws BAD_REQUEST if they are too large. */
export async function packFunction(
  entries: readonly SourceEntry[],
  settings: RequestedSettings,
): Promise<PackedFunction> {
  const manifest = manifestText(settings);
  requireSize(manifest, entries);
  const open = () => packBundle(manifest, entries);
  return { ...(await bundleDigest(open())), open };
}

/** Resolves once the version is durable, and calls of the function run it. */
export async function deployFunction(
  client: Client,
  deploy: Deploy,
  packed: PackedFunction,
): Promise<DeployAnswer> {
  await sendBundle(client, packed);
  return deploySent(client, deploy, packed.version);
}

/** Resolves once gleanerd has the code; nothing is deployed yet. */
export async function sendBundle(
  client: Client,
  { version, bytes, open }: PackedFunction,
): Promise<void> {
  await client.functions.putBlob(version, { bytes, open });
}

/** As deployFunction, of a bundle that was sent before. */
export function deploySent(
  client: Client,
  deploy: Deploy,
  version: VersionId,
): Promise<DeployAnswer> {
  return client.functions.deploy({ requestId: randomUuid(), bundle: version, ...deploy });
}
