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
const headerName = /^(JobID|JobIDRaw|Start|End)$/i;
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
  constructor(names: readonly string[]) {
    for (const [index, name] of names.entries()) {
      const key = name.trim().toLowerCase();
      // sacct -p ends each line with a separator.
      if (key !== "" || index < names.length - 1) this.places.set(key, index);
    }
    this.count = names.at(-1)?.trim() === "" ? names.length - 1 : names.length;
    this.lastIsFree = freeText.has(names[this.count - 1]?.trim().toLowerCase() ?? "");
    const missing = ["Start", "End"].filter((name) => !this.has(name));
    if (!["AllocCPUS", "NCPUS", "AllocTRES"].some((name) => this.has(name)))
      missing.push("AllocCPUS");
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

  /** Why the fields cannot be assigned to columns; null if they can. */
  problem(values: readonly string[]): string | null {
    const given =
      values.length === this.count + 1 && values.at(-1) === "" ? this.count : values.length;
    if (given === this.count || (given > this.count && this.lastIsFree)) return null;
    return given < this.count
      ? "too few fields: a field has a line break, or the line is cut off"
      : "too many fields: a field has the separator |";
  }

  /** Whether this is a header line, possibly of a further dump in the same file. */
  isHeader(values: readonly string[]): boolean {
    return /^start$/i.test(this.of("Start", values));
  }
}

/** The columns of a dump by its first line, and whether that line is only the header. */
export function columnsByFirstLine(line: string): { columns: Columns; isHeader: boolean } {
  const values = line.split("|");
  if (values.some((value) => headerName.test(value.trim())))
    return { columns: new Columns(values), isHeader: true };
  const other = line.split(/[\s,;]+/).filter((word) => headerName.test(word.replaceAll('"', "")));
  if (values.length === 1 && (other.length > 0 || /^\d+\S* +.*\dT\d\d:/.test(line.trim())))
    throw new GleanerError(
      "BAD_REQUEST",
      "the dump has fields in columns of fixed width or separated otherwise than by |: run sacct with -P (--parsable2) and without --delimiter",
    );
  if (values.length === xdmodFields.length)
    return { columns: new Columns(xdmodFields), isHeader: false };
  throw new GleanerError(
    "BAD_REQUEST",
    `the dump has no header and ${counted(values.length, "field")}: name them with --fields as sacct -o does; ${neededSentence}`,
  );
}
