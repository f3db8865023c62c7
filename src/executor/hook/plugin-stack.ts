// Finds a plugin's line in plugstack.conf and the files it includes, as Slurm reads them.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { GleanerError } from "../../model/errors.js";

/** Sites have one file, or a folder with one for each plugin. */
const maxFiles = 64;
const maxFileBytes = 64 * 1024;

export interface PluginLine {
  readonly kind: "optional" | "required";
  readonly options: readonly string[];
}

/**
 * The first line that names `plugin`, an absolute path; null when there is none. Throws a GleanerError of code BAD_REQUEST when the files
 * cannot be followed: an include with a pattern in a folder's name, too many files, one that is too large.
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

/** A file that is missing is an empty one to Slurm. */
function linesOf(file: string, seen: { files: number }): string[] {
  if (!existsSync(file)) return [];
  if (++seen.files > maxFiles)
    throw unclear(`${file} and others include more than ${maxFiles} files`);
  const status = statSync(file);
  if (!status.isFile() || status.size > maxFileBytes)
    throw unclear(`${file} is no file of at most ${maxFileBytes / 1024} KiB`);
  return readFileSync(file, "utf8").split("\n");
}

/** What an include stands for; patterns (`*`, `?`) are understood in the file's name, as in plugstack.conf.d/*.conf. */
function filesOf(pattern: string): string[] {
  const [folder, name] = [dirname(pattern), basename(pattern)];
  if (/[*?[\\]/.test(folder) || /[[\\]/.test(name))
    throw unclear(`include ${pattern} has a pattern that Gleaner does not follow`);
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
    `${what}: list the plugin in a file of its own that is included by name`,
  );
