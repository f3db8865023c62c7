// The lines of slurm.conf that Gleaner needs beside those that are there already, and what stands
// in their way.

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { Answers } from "./answers.js";
import { withoutBlock } from "./block.js";

const prologProgram = "/usr/libexec/gleaner/glean-prolog";
const epilogProgram = "/usr/libexec/gleaner/glean-epilog";

/** A line of slurm.conf or of a file that it includes. */
interface Setting {
  readonly key: string;
  readonly value: string;
  readonly place: string;
}

/** The lines for a slurm.conf with these settings; throws CONFIG for what the site must mend. */
export function neededLines({ launcher, prolog }: Answers, settings: readonly Setting[]): string[] {
  if (launcher === "pilot") return [];
  const of = (key: string) => settings.filter((each) => each.key === key);
  const wanted = prolog ?? prologProgram;
  const lines: string[] = [];
  const [other] = of("prolog").filter(({ value }) => value !== wanted);
  if (other !== undefined) throw new GleanerError("CONFIG", otherProlog(other, prolog));
  if (of("prolog").length === 0) lines.push(`Prolog=${wanted}`);
  const [flags] = of("prologflags");
  if (flags === undefined) lines.push("PrologFlags=Alloc");
  else if (!/(^|,)\s*(alloc|contain|x11)\s*(,|$)/i.test(flags.value))
    throw new GleanerError(
      "CONFIG",
      `${flags.place} has PrologFlags=${flags.value}: add Alloc there, and run glean setup again`,
    );
  const [epilog] = of("epilog");
  if (epilog === undefined) lines.push(`Epilog=${epilogProgram}`);
  else if (epilog.value !== epilogProgram && prolog === null)
    throw new GleanerError(
      "CONFIG",
      `${epilog.place} has Epilog=${epilog.value}: let it call ${epilogProgram}, let a prolog of the site call ${prologProgram} too, and give --prolog its path`,
    );
  return lines;
}

function otherProlog({ place, value }: Setting, prolog: string | null): string {
  return prolog === null
    ? `${place} has Prolog=${value}: let it call ${prologProgram} first, and give --prolog ${value}`
    : `${place} has Prolog=${value}, and --prolog says ${prolog}: give the one that slurm.conf has`;
}

/** Reads slurm.conf and what it includes, without the block of an earlier setup. */
export function readSlurmConf(file: string): { text: string; settings: Setting[] } {
  const advice = "give --write-slurm-conf the path of slurm.conf on this machine";
  const text = readText(file, "", advice);
  return { text, settings: settingsOf(withoutBlock(text), file, 0) };
}

/** An include that includes itself ends here. */
const deepestInclude = 8;

function settingsOf(text: string, file: string, depth: number): Setting[] {
  return text.split("\n").flatMap((line, index): Setting[] => {
    const bare = line.replace(/#.*$/, "").trim();
    const include = /^include\s+(\S+)$/i.exec(bare)?.[1];
    if (include !== undefined && depth < deepestInclude) {
      const inner = resolve(dirname(file), include);
      const by = `, which line ${index + 1} of ${file} includes`;
      const text = readText(inner, by, "correct that line, and run glean setup again");
      return settingsOf(text, inner, depth + 1);
    }
    const found = /^(\w+)\s*=\s*(.*)$/.exec(bare);
    if (found === null) return [];
    const value = found[2]!.replace(/^"(.*)"$/, "$1");
    return [{ key: found[1]!.toLowerCase(), value, place: `line ${index + 1} of ${file}` }];
  });
}

function readText(file: string, by: string, advice: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new GleanerError("CONFIG", `cannot read ${file}${by} (${messageOf(cause)}): ${advice}`, {
      cause,
    });
  }
}
