// Reads the directives of other systems in a script, `#PBS` and `#BSUB` lines, as sbatch does: each
// option becomes one of sbatch's, except those that sbatch passes over. Pure.

import { type Directive, type Directives, splitWords } from "./directives.js";
import { type OptionShape, parseOptions } from "./getopt.js";
import { readShapes } from "./options/sbatch-options.js";

type Kind = "BSUB" | "PBS";

/** An option of sbatch, and its value. */
type Option = readonly [option: string, value: string];

type Said = Pick<Directive, "option" | "value">;

/** The value that an option of sbatch has so far; what is said twice may be added to it. */
type Before = (option: string) => string | undefined;

/** sbatch looks no further than this many lines that are no comments. */
const maxOtherLines = 100;

const tables = {
  BSUB: `cwd/c= error_file/e= job_name/J= hostname/m= memory_limit/M= n/n= output_file/o=
queue_name/q= time/W= exclusive/x`,
  PBS: `start_time/a= account/A= checkpoint/c= working_dir/C= d/d= error/e= hold/h
interactive/I join/j= job_array/J= keep/k= resource_list/l= mail_options/m= mail_user_list/M=
job_name/N= out/o= priority/p= destination/q= rerunable/r= script_path/S= array/t= running_user/u=
variable_list/v= all_env/V attributes/W= w/w= no_std/z`,
};

/**
 * Returns the options of the lines of one system, LSF's if there are any. They stand anywhere in
 * the script, and replace what `#SBATCH` lines say, which `own` has.
 */
export function readTranslated(script: string, file: string, own: readonly Said[]): Directives {
  for (const kind of ["BSUB", "PBS"] as const) {
    const read = readLines(script, file, kind, own);
    if (read !== null) return read;
  }
  return { known: [], problems: [] };
}

function readLines(
  script: string,
  file: string,
  kind: Kind,
  own: readonly Said[],
): Directives | null {
  const known: Directive[] = [];
  const problems: string[] = [];
  const before: Before = (option) =>
    [...own, ...known].findLast((each: Said) => each.option === option)?.value;
  let shapes: readonly OptionShape[] | null = null;
  for (const [lineNumber, text] of markedLines(script, `#${kind}`)) {
    shapes ??= readShapes(tables[kind]);
    const place = `${file}:${lineNumber}: #${kind}`;
    const words = splitWords(text);
    if (words === null) {
      problems.push(`${place}: unclosed quote: close it`);
      continue;
    }
    const parsed = parseOptions(words.map(kind === "BSUB" ? shortened : String), shapes);
    for (const { shape, text: option, value } of parsed.found) {
      const options = (kind === "BSUB" ? fromLsf : fromPbs)(shape.name, value, before);
      for (const [name, translated] of options)
        known.push({
          kind: "SBATCH",
          option: name,
          value: translated,
          where: `${place} ${option}`,
        });
    }
    const unread = parsed.problems[0]?.split(":")[0] ?? parsed.rest[0];
    if (unread !== undefined)
      problems.push(
        `${place} ${unread.slice(0, 60)}: sbatch cannot read it, and refuses the script: write it as #SBATCH, or add --ignore-pbs`,
      );
  }
  return shapes === null ? null : { known, problems };
}

function* markedLines(script: string, mark: string): Generator<readonly [number, string]> {
  let others = 0;
  for (const [index, line] of script.split("\n").entries()) {
    if (line.startsWith(mark)) yield [index + 1, line.slice(mark.length)];
    else if (!line.startsWith("#") && ++others > maxOtherLines) return;
  }
}

/** The one long name that LSF writes with a single dash. */
const shortened = (word: string): string => (word === "-cwd" ? "-c" : word);

const plainLsf: Readonly<Record<string, string>> = {
  cwd: "chdir",
  error_file: "error",
  job_name: "job-name",
  output_file: "output",
  queue_name: "partition",
  time: "time",
  exclusive: "exclusive",
};

function fromLsf(name: string, value: string): readonly Option[] {
  if (name === "hostname") return [["nodelist", value.replaceAll(" ", ",")]];
  // LSF counts kilobytes.
  if (name === "memory_limit") return [["mem-per-cpu", /\d$/.test(value) ? `${value}K` : value]];
  // The second number is the most tasks.
  if (name === "n") return [["ntasks", value.slice(value.indexOf(",") + 1)]];
  return [[plainLsf[name]!, value]];
}

const plainPbs: Readonly<Record<string, string>> = {
  start_time: "begin",
  account: "account",
  d: "chdir",
  w: "chdir",
  error: "error",
  hold: "hold",
  job_array: "array",
  array: "array",
  mail_user_list: "mail-user",
  job_name: "job-name",
  out: "output",
  priority: "nice",
  destination: "partition",
};

function fromPbs(name: string, value: string, before: Before): readonly Option[] {
  const plain = plainPbs[name];
  if (plain !== undefined) return [[plain, value]];
  if (name === "resource_list") return fromResources(value, before);
  if (name === "mail_options") return [["mail-type", mailTypes(value)]];
  if (name === "variable_list") return [["export", added(before("export"), value)]];
  const [, attribute, of] =
    /^(umask|depend)=(.*)$/is.exec(name === "attributes" ? value : "") ?? [];
  if (attribute === undefined) return [];
  return [[attribute.toLowerCase() === "depend" ? "dependency" : "umask", of!]];
}

const added = (before: string | undefined, value: string): string =>
  before === undefined ? value : `${before},${value}`;

function mailTypes(letters: string): string {
  if (/n/i.test(letters)) return "NONE";
  const types = { b: "BEGIN", e: "END", a: "FAIL" };
  return Object.entries(types)
    .flatMap(([letter, type]) => (letters.toLowerCase().includes(letter) ? [type] : []))
    .join(",");
}

const plainResources: Readonly<Record<string, string>> = {
  cput: "time",
  pcput: "time",
  walltime: "time",
  nice: "nice",
  select: "nodes",
  ncpus: "mincpus",
  mpiprocs: "ntasks-per-node",
};
const unused = new Set("arch host opsys other pmem pvmem software vmem".split(" "));

/**
 * Reads `nodes=1:ppn=4,walltime=1:00:00`, or `select=1:ncpus=4` of PBS Pro, whose parts end at a
 * colon. A name that sbatch does not know is skipped up to a shorter one that it knows.
 */
function fromResources(text: string, before: Before): readonly Option[] {
  const options: Option[] = [];
  const pro: Record<string, string> = {};
  let gpus = 0;
  for (let at = 0; at < text.length; ) {
    const part = /(select|ncpus|mpiprocs)=([^:]*):?|(\w+)=([^,]*),?/iy;
    part.lastIndex = at;
    const found = part.exec(text);
    const name = (found?.[1] ?? found?.[3] ?? "").toLowerCase();
    const value = found?.[2] ?? found?.[4] ?? "";
    at += found?.[0].length ?? 1;
    const plain = plainResources[name];
    if (plain !== undefined) options.push([plain, value]);
    else if (name === "nodes") options.push(...fromNodes(value));
    else if (name === "mem" || name === "file")
      options.push([name === "mem" ? "mem" : "tmp", value.replace(/b$/i, "")]);
    else if (name === "proc") options.push(["constraint", value]);
    else if (name === "naccelerators") gpus = Number(value);
    else if (name === "accelerator") gpus ||= /^true/i.test(value) ? 1 : 0;
    else if (!unused.has(name)) at -= (found?.[0].length ?? 1) - 1;
    if (found?.[1] !== undefined) pro[name] = value;
  }
  const { select, ncpus, mpiprocs } = pro;
  const coresPerTask = Math.floor(Number(ncpus) / Number(mpiprocs));
  if (select !== undefined && coresPerTask > 1) options.push(["cpus-per-task", `${coresPerTask}`]);
  if (gpus > 0) options.push(["gres", added(before("gres"), `gpu:${gpus}`)]);
  return options;
}

/** Reads `1:ppn=4:gpus=2`; a word is the name of a node. */
function fromNodes(text: string): readonly Option[] {
  const options: Option[] = [];
  const names: string[] = [];
  let nodes = 0;
  let perNode = 0;
  for (const part of text.split(/[+:]/)) {
    const number = Number.parseInt(part.replace(/^ppn=/, ""), 10) || 0;
    if (part.startsWith("gpus=")) options.push(["gpus-per-node", part.slice("gpus=".length)]);
    else if (part.startsWith("ppn=")) perNode += number;
    else if (/^\d/.test(part)) nodes += number;
    else if (part !== "") names.push(part);
  }
  if (nodes > 0) options.push(["nodes", `${nodes}`]);
  if (perNode > 0) options.push(["ntasks", `${perNode * Math.max(1, nodes)}`]);
  if (names.length > 0) options.push(["nodelist", names.join(",")]);
  return options;
}
