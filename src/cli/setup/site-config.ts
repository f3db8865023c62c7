// The block that glean setup writes into gleaner.yaml: what differs from the defaults, and in its
// first line the answers, so that a second run and --undo know them.

import { dirname } from "node:path";
import { GleanerError } from "../../model/errors.js";
import type { Answers, SetupOptions } from "./answers.js";
import { blockOf, withBlock, withoutBlock } from "./block.js";
import { packageFolder } from "./service.js";

/** What an earlier run was told and did; a run with other options keeps the rest. */
export interface Remembered extends SetupOptions {
  /** The slurm.conf that has our lines. */
  readonly slurmConf?: string;
  /** Whether glean setup made the key for ssh. */
  readonly key?: "made";
}

const keys = ["launcher", "host", "prolog", "slurmConf", "key"] as const;

/** null if glean setup has written nothing into this file. */
export function remembered(text: string): Remembered | null {
  const first = blockOf(text)?.[0];
  if (first === undefined) return null;
  const words = first
    .slice(2)
    .split(" ")
    .map((word) => word.split("=", 2));
  const known = words.filter(([key]) => keys.some((each) => each === key));
  return Object.fromEntries(known) as Remembered;
}

/** `programFolder` is where this glean is installed. */
export function configWith(
  text: string,
  answers: Answers,
  memory: Pick<Remembered, "slurmConf" | "key">,
  programFolder: string,
): string {
  const { launcher, host, prolog } = answers;
  const facts = { launcher, host, prolog: prolog ?? "none", ...memory };
  const first = keys
    .filter((key) => facts[key] !== undefined)
    .map((key) => `${key}=${facts[key]}`)
    .join(" ");
  const sections = {
    ...(launcher === "local" ? {} : { listen: { host, advertisedHost: host } }),
    placement: { launcher },
    programs: {
      ...programsOf(launcher, programFolder),
      ...(prolog === null ? {} : { prologWrapper: prolog }),
    },
  };
  const rest = withoutBlock(text);
  const lines = Object.entries(sections).flatMap(([section, values]) => {
    const entries = Object.entries(values).map(([key, value]) => `  ${key}: ${value}`);
    if (entries.length === 0) return [];
    if (new RegExp(`^${section}\\s*:`, "m").test(rest)) throw clash(section);
    return [`${section}:`, ...entries];
  });
  return withBlock(rest, [`# ${first}`, ...lines]);
}

const clash = (section: string): GleanerError =>
  new GleanerError(
    "CONFIG",
    `gleaner.yaml has a section ${section} already, and glean setup would write a second one: take it out and add its keys to the new one afterwards, or set launcher and host there by hand`,
  );

/** Where the packages have their programs; an installation by hand has them at the defaults. */
function programsOf(launcher: Answers["launcher"], programFolder: string): Record<string, string> {
  if (programFolder !== packageFolder || dirname(process.execPath) !== packageFolder) return {};
  if (launcher === "local") return { node: `${programFolder}/node` };
  const folder = "/usr/lib/gleaner-node";
  if (launcher === "ssh") return { node: `${folder}/node` };
  return {
    node: `${folder}/node`,
    executor: `${folder}/glean-executor.cjs`,
    spawn: `${folder}/glean-spawn`,
  };
}
