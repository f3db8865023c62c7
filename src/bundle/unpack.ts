// Unpacks a bundle into a new folder, read-only, and checks that it is the expected version; and
// the way back: the version that an unpacked folder is.

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, readFile, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GleanerError } from "../model/errors.js";
import { type VersionId, versionId } from "../model/ids.js";
import { maxManifestBytes } from "./limits.js";
import { manifestName } from "./names.js";
import { bundleDigest, packBundle } from "./pack.js";
import { type ReadEntry, readBundle } from "./read.js";
import { scanUnpacked } from "./scan.js";
import type { FileEntry, LinkEntry } from "./tar.js";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/**
 * Unpacks into `directory`, which must not exist; its parent must be writable by nobody else.
 * Nobody but the owner can enter it. Rejects, and leaves nothing, if
 * the content is no bundle, or another version.
 */
export async function unpackBundle(
  chunks: AsyncIterable<Uint8Array>,
  directory: string,
  expected: VersionId,
): Promise<void> {
  await mkdir(directory, { mode: 0o700 });
  try {
    const hash = createHash("sha256");
    const links: LinkEntry[] = [];
    const folders = new Set<string>();
    for await (const entry of readBundle(hashed(chunks, hash))) {
      await makeFolders(directory, dirname(entry.name), folders);
      if (entry.kind === "link") links.push(entry);
      else await writeFile(join(directory, entry.name), entry);
    }
    const version = versionId(hash.digest("hex"));
    if (version !== expected)
      throw new GleanerError(
        "PROTOCOL",
        `the bundle that arrived is version ${version}, not ${expected}`,
      );
    // Last, so that nothing is ever written through one.
    for (const { name, target } of links) await symlink(target, join(directory, name));
    for (const folder of folders) await chmod(join(directory, folder), 0o555);
    await chmod(directory, 0o500);
  } catch (cause) {
    await removeUnpacked(directory);
    throw cause;
  }
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Creates the folders on the way to `folder` that are not in `made` yet. */
async function makeFolders(root: string, folder: string, made: Set<string>): Promise<void> {
  if (folder === "." || made.has(folder)) return;
  await makeFolders(root, dirname(folder), made);
  await mkdir(join(root, folder), { mode: 0o700 });
  made.add(folder);
}

async function writeFile(path: string, { executable, content }: ReadEntry & FileEntry) {
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.chmod(executable ? 0o555 : 0o444);
  } finally {
    await file.close();
  }
}

/**
 * The version that an unpacked folder is now; another one than it was unpacked from if anything in
 * it was changed. Rejects if it is not an unpacked bundle any more.
 */
export async function versionOfUnpacked(directory: string): Promise<VersionId> {
  const file = join(directory, manifestName);
  const about = await lstat(file);
  if (!about.isFile() || about.size > maxManifestBytes)
    throw new GleanerError("PROTOCOL", `${file} is not the manifest that was unpacked there`);
  const manifest = await readFile(file, "utf8");
  return (await bundleDigest(packBundle(manifest, await scanUnpacked(directory)))).version;
}

/** Removes an unpacked folder, whose folders are read-only; a missing one is fine. */
export async function removeUnpacked(directory: string): Promise<void> {
  await openFolders(directory);
  await rm(directory, { recursive: true, force: true });
}

async function openFolders(directory: string): Promise<void> {
  const about = await lstat(directory).catch(() => null);
  if (!about?.isDirectory()) return;
  await chmod(directory, 0o700);
  for (const found of await readdir(directory, { withFileTypes: true }))
    if (found.isDirectory()) await openFolders(join(directory, found.name));
}
