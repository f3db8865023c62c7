// Bundles for tests: packed from memory, cut into chunks, and written to disk.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll } from "@jest/globals";
import { bundleDigest, packBundle } from "../../../src/bundle/pack.js";
import { scan } from "../../../src/bundle/scan.js";
import {
  manifestText,
  type RequestedSettings,
  unsetSettings,
} from "../../../src/model/functions/settings.js";
import type { VersionId } from "../../../src/model/ids.js";

export const settings: RequestedSettings = { ...unsetSettings, runtime: "python" };
export const manifest = manifestText(settings);

/** Text, or where a link leads. */
export type Tree = Readonly<Record<string, string | { readonly link: string } | Program>>;
interface Program {
  readonly program: string;
}

/** A folder of the calling test file, removed at its end. */
export function testFolder(): { path: string; fresh(): string } {
  const folder = { path: "", fresh: () => mkdtempSync(join(folder.path, "in-")) };
  beforeAll(() => {
    folder.path = mkdtempSync(join(tmpdir(), "gleaner-bundle-"));
  });
  afterAll(() => rmSync(folder.path, { recursive: true, force: true }));
  return folder;
}

/** In the order of the keys. */
export function writeTree(folder: string, tree: Tree): string {
  for (const [name, content] of Object.entries(tree)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === "string") writeFileSync(path, content);
    else if ("link" in content) symlinkSync(content.link, path);
    else {
      writeFileSync(path, content.program);
      chmodSync(path, 0o700);
    }
  }
  return folder;
}

export async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

export async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export interface Packed {
  readonly bytes: Buffer;
  readonly version: VersionId;
}

/** The bundle of a file or folder. */
export async function packed(path: string, text = manifest): Promise<Packed> {
  const bytes = await whole(packBundle(text, await scan(path)));
  return { bytes, version: (await bundleDigest(inChunks(bytes, 1_000))).version };
}
