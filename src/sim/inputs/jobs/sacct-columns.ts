// The columns of a dump of sacct: from its header, from the user, or in XDMoD's order.

import { counted } from "../../../model/counted.js";
import { GleanerError } from "../../../model/errors.js";

/** The column order that XDMoD asks sites to use for their dumps, which have no header. */
const xdmodFields: readonly string[] =
  "JobID,JobIDRaw,Cluster,Partition,QOS,Account,Group,GID,User,UID,Submit,Eligible,Start,End,Elapsed,ExitCode,State,NNodes,NCPUS,ReqCPUS,ReqMem,ReqTRES,AllocTRES,Timelimit,NodeList,JobName".split(
    ",",
  );
const neededSentence =
  "Start, End and one of AllocCPUS, NCPUS, AllocTRES are required; NodeList says where jobs ran";
const coreNames: readonly string[] = ["AllocCPUS", "NCPUS", "AllocTRES"];
const headerName = /^(JobID|JobIDRaw|Start|End)$/i;
/** Cheap, because each line of a dump is asked. */
const mayBeHeader = /\bstart\b.*\bend\b|\bend\b.*\bstart\b/i;
const isName = /^\w*$/;
/** Separators that are also inside of fields: node lists, times. */
const inFields: ReadonlySet<string> = new Set([",", ":", "-", ".", "=", "/"]);
const otherForm =
  "the dump has fields in columns of fixed width or with a separator that fields contain: run sacct with -P (--parsable2), and with --delimiter only for a character such as ;";
/** Columns with text of users, which may contain any character, also the separator. */
const freeText: ReadonlySet<string> = new Set([
  "jobname",
  "comment",
  "admincomment",
  "systemcomment",
  "workdir",
  "submitline",
  "extra",
]);

export class Columns {
  private readonly places = new Map<string, number>();
  readonly count: number;
  private readonly lastIsFree: boolean;

  /** Throws BAD_REQUEST, naming the column, if a required one is missing. */
  constructor(
    names: readonly string[],
    private readonly separator = "|",
  ) {
    for (const [index, name] of names.entries()) {
      const key = name.trim().toLowerCase();
      // sacct -p ends each line with a separator.
      if (key !== "" || index < names.length - 1) this.places.set(key, index);
    }
    this.count = names.at(-1)?.trim() === "" ? names.length - 1 : names.length;
    this.lastIsFree = freeText.has(names[this.count - 1]?.trim().toLowerCase() ?? "");
    const missing = ["Start", "End"].filter((name) => !this.has(name));
    if (!coreNames.some((name) => this.has(name))) missing.push("AllocCPUS");
    if (missing.length > 0)
      throw new GleanerError(
        "BAD_REQUEST",
        `the dump lacks ${missing.join(", ")}: ${neededSentence}`,
      );
  }

  has(name: string): boolean {
    return this.places.has(name.toLowerCase());
  }

  /** The trimmed value, empty if there is no such column. */
  of(name: string, values: readonly string[]): string {
    return values[this.places.get(name.toLowerCase()) ?? -1]?.trim() ?? "";
  }

  /** The fields of a line. */
  split(line: string): string[] {
    return line.split(this.separator);
  }

  /** Why the fields cannot be assigned to columns; null if they can. */
  problem(values: readonly string[]): string | null {
    const given =
      values.length === this.count + 1 && values.at(-1) === "" ? this.count : values.length;
    if (given === this.count || (given > this.count && this.lastIsFree)) return null;
    return given < this.count
      ? "too few fields: a field has a line break, or the line is cut off"
      : `too many fields: a field has the separator ${this.separator}`;
  }
}

/**
 * The columns that a line names if it is a header, or after the `known` ones that of a further dump
 * in the same file; null if it is none. Its separator is what follows its first name.
 */
export function columnsInHeader(line: string, known: Columns | null): Columns | null {
  if (!mayBeHeader.test(line)) return null;
  // A part of a record may look like a header that lacks a column.
  if (known !== null && !coreNames.some((name) => new RegExp(name, "i").test(line))) return null;
  const separator = /^\s*\w+([^\w\s]+|\t)/.exec(line)?.[1];
  if (separator === undefined) return null;
  const names = line.split(separator).map((name) => name.trim());
  const has = (wanted: RegExp) => names.some((name) => wanted.test(name));
  if (!has(/^start$/i) || !has(/^end$/i) || !names.every((name) => isName.test(name))) return null;
  if (inFields.has(separator)) throw new GleanerError("BAD_REQUEST", otherForm);
  return new Columns(names, separator);
}

/** The columns of a dump whose first line is no header; throws BAD_REQUEST if they are unknown. */
export function columnsWithoutHeader(line: string): Columns {
  const values = line.split("|");
  const words = line.split(/[\s,;]+/).map((word) => word.replaceAll('"', ""));
  const hasNames = words.some((word) => headerName.test(word));
  if (values.length === 1 && (hasNames || /^\d+\S* +.*\dT\d\d:/.test(line.trim())))
    throw new GleanerError("BAD_REQUEST", otherForm);
  // A header that lacks what is needed.
  if (values.some((value) => headerName.test(value.trim()))) return new Columns(values);
  if (values.length === xdmodFields.length) return new Columns(xdmodFields);
  throw new GleanerError(
    "BAD_REQUEST",
    `the dump has no header and ${counted(values.length, "field")}: name them with --fields as sacct -o does; ${neededSentence}`,
  );
}
