// Finds a plugin's line in plugstack.conf and the files it includes, as Slurm reads them.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { GleanerError } from "../../model/errors.js";

/** Sites have a single file, or a folder with one file per plugin. */
const maxFiles = 64;
const maxFileBytes = 64 * 1024;

export interface PluginLine {
  readonly kind: "optional" | "required";
  readonly options: readonly string[];
}

/**
 * The first line that names `plugin`, an absolute path; null if there is none. Throws a
 * GleanerError with code BAD_REQUEST if the files cannot be followed: an include with a pattern in
 * a folder's name, too many files, or too large a file.
 */
export function findPluginLine(stack: string, plugin: string): PluginLine | null {
  const seen = { files: 0 };
  return findIn(stack, plugin, seen);
}

function findIn(file: string, plugin: string, seen: { files: number }): PluginLine | null {
  for (const line of linesOf(file, seen)) {
    const [kind, path, ...options] = wordsOf(line);
    if (path === undefined) continue;
    if ((kind === "optional" || kind === "required") && path === plugin) return { kind, options };
    if (kind !== "include") continue;
    for (const included of filesOf(resolve(dirname(file), path))) {
      const found = findIn(included, plugin, seen);
      if (found !== null) return found;
    }
  }
  return null;
}

const wordsOf = (line: string): string[] =>
  line
    .replace(/#.*/, "")
    .split(/[ \t]+/)
    .filter((word) => word !== "");

/** Slurm treats a missing file as empty. */
function linesOf(file: string, seen: { files: number }): string[] {
  if (!existsSync(file)) return [];
  if (++seen.files > maxFiles)
    throw unclear(`${file} and others include more than ${maxFiles} files`);
  const status = statSync(file);
  if (!status.isFile() || status.size > maxFileBytes)
    throw unclear(`${file} is not a file of at most ${maxFileBytes / 1024} KiB`);
  return readFileSync(file, "utf8").split("\n");
}

/**
 * The files that an include names; patterns (`*`, `?`) are supported in the file's name, as in
 * plugstack.conf.d/*.conf.
 */
function filesOf(pattern: string): string[] {
  const [folder, name] = [dirname(pattern), basename(pattern)];
  if (/[*?[\\]/.test(folder) || /[[\\]/.test(name))
    throw unclear(`include ${pattern} has a pattern that Gleaner does not support`);
  if (!/[*?]/.test(name)) return [pattern];
  if (!existsSync(folder)) return [];
  const quoted = name.replace(/[.+^${}()|]/g, "\\$&");
  const matcher = new RegExp(`^${quoted.replaceAll("*", ".*").replaceAll("?", ".")}$`);
  const names = readdirSync(folder).filter((each) => !each.startsWith(".") && matcher.test(each));
  return names.sort().map((each) => join(folder, each));
}

const unclear = (what: string): GleanerError =>
  new GleanerError(
    "BAD_REQUEST",
    `${what}: list the plugin in its own file and include that file by name`,
  );
