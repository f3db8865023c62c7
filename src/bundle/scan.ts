// Finds what to pack: a single file, or the files and links of a folder; refuses what a bundle
// cannot hold, and names the path.

import type { Dirent, Stats } from "node:fs";
import { lstat, readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { constants } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { errnoOf, errorCodeOf, GleanerError, messageOf } from "../model/errors.js";
import { type Ignore, ignoreBy, ignoreFile } from "./ignore.js";
import { maxBundleEntries } from "./limits.js";
import { linkProblem, manifestName, nameProblem } from "./names.js";
import type { SourceEntry } from "./pack.js";

/** A path that has a line feed must not make two sentences of one. */
const bad = (sentence: string): GleanerError =>
  new GleanerError("BAD_REQUEST", sentence.replace(/\p{Cc}/gu, "?"));

/** What a deploy of `path` packs. A link given as `path` itself is followed. */
export async function scan(path: string): Promise<SourceEntry[]> {
  const root = await realpath(path).catch((cause: unknown) => {
    const isMissing = errnoOf(cause) === constants.errno.ENOENT;
    const why = isMissing ? `there is no ${path}` : `cannot read ${path} (${messageOf(cause)})`;
    throw bad(`${why}: name a file or a folder`);
  });
  const about = await stat(root);
  if (about.isFile()) return [fileOf(basename(path), root, about)];
  if (!about.isDirectory()) throw bad(`${path} is neither a file nor a folder`);
  const entries = await scanFolder(root, ignoreBy(await linesOf(join(root, ignoreFile))));
  if (entries.length === 0) throw bad(`${path} has no files to deploy`);
  return entries;
}

/** Everything in an unpacked bundle besides the manifest. */
export const scanUnpacked = (root: string): Promise<SourceEntry[]> =>
  scanFolder(root, (path) => path === manifestName);

async function scanFolder(root: string, ignore: Ignore): Promise<SourceEntry[]> {
  const entries: SourceEntry[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const found of await list(join(root, folder))) {
      const name = join(folder, nameOf(found, join(root, folder)));
      if (ignore(name, found.isDirectory())) continue;
      if (found.isDirectory()) folders.push(name);
      else entries.push(await entryOf(root, name, found));
      if (entries.length > maxBundleEntries)
        throw bad(
          `${root} has more than ${maxBundleEntries} files: list in ${ignoreFile} what the code does not need`,
        );
    }
  return entries;
}

async function list(folder: string): Promise<Dirent<Buffer>[]> {
  try {
    return await readdir(folder, { withFileTypes: true, encoding: "buffer" });
  } catch (cause) {
    throw bad(`cannot read ${folder} (${messageOf(cause)})`);
  }
}

function nameOf({ name }: Dirent<Buffer>, folder: string): string {
  const text = name.toString("utf8");
  if (Buffer.from(text).equals(name)) return text;
  throw bad(`${join(folder, text)} has a name that is not UTF-8: rename it`);
}

async function entryOf(root: string, name: string, found: Dirent<Buffer>): Promise<SourceEntry> {
  const path = join(root, name);
  if (found.isSymbolicLink()) return linkOf(root, name);
  if (!found.isFile())
    throw bad(`${path} is a device, a socket or a pipe: list it in ${ignoreFile}, or remove it`);
  return fileOf(name, path, await lstat(path));
}

/** A link stays a link. Its target may be written in any way, if it is in the folder. */
async function linkOf(root: string, name: string): Promise<SourceEntry> {
  const path = join(root, name);
  const written = await readlink(path);
  const target = linkProblem(name, written) === null ? written : await shortestTarget(root, name);
  const problem =
    nameProblem(name) ??
    linkProblem(name, target ?? written) ??
    (target === null ? `links to ${written}, which is not in the folder` : null);
  if (problem !== null)
    throw bad(`${path} ${problem}: copy what it leads to, or list it in ${ignoreFile}`);
  return { kind: "link", name, target: target! };
}

/** null if the target does not exist or lies elsewhere. */
async function shortestTarget(root: string, name: string): Promise<string | null> {
  const real = await realpath(join(root, name)).catch(() => null);
  if (real === null || relative(root, real).split("/")[0] === "..") return null;
  return relative(dirname(join(root, name)), real) || null;
}

function fileOf(name: string, path: string, { size, mode }: Stats): SourceEntry {
  const problem = nameProblem(name);
  if (problem !== null) throw bad(`${path} ${problem}: rename it, or list it in ${ignoreFile}`);
  return { kind: "file", name, path, bytes: size, executable: (mode & 0o100) !== 0 };
}

async function linesOf(file: string): Promise<readonly string[]> {
  try {
    return (await readFile(file, "utf8")).split("\n");
  } catch (cause) {
    if (errorCodeOf(cause) === "ENOENT") return [];
    throw bad(`cannot read ${file} (${messageOf(cause)})`);
  }
}
