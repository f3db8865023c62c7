// Reads one line of a dump of sacct as a job.

import { expandHostList } from "../../../model/hostlist.js";
import { Unusable } from "../../site/notes.js";
import { readElapsedMs, readTimeMs } from "../times.js";
import type { LoggedJob, NodeShare } from "./logged-job.js";
import type { Columns } from "./sacct-columns.js";

/** Jobs whose end is not simply what the dump says. */
export interface Notices {
  /** Jobs that still ran. */
  running: number;
  /** Jobs during which the clock changed. */
  byElapsed: number;
  /** Jobs that ran for a shorter time than from start to end. */
  suspended: number;
}

/** Expanded node lists; logs repeat them, and their names. */
export class NodeLists {
  private readonly lists = new Map<string, readonly string[]>();
  private readonly names = new Map<string, string>();

  /** Empty if the list is invalid. */
  of(text: string): readonly string[] {
    const known = this.lists.get(text);
    if (known !== undefined) return known;
    const names = this.expand(text);
    // Bounded: a large site has more combinations of nodes than are worth keeping.
    if (this.lists.size < 10_000) this.lists.set(text, names);
    return names;
  }

  private expand(text: string): readonly string[] {
    try {
      return [...new Set<string>(expandHostList(text))].map((name) => this.nameOf(name));
    } catch {
      return []; // the caller counts it
    }
  }

  private nameOf(name: string): string {
    const known = this.names.get(name);
    if (known !== undefined) return known;
    this.names.set(name, name);
    return name;
  }
}

const isNothing = (text: string): boolean => /^(unknown|none|n\/a|)$/i.test(text);

/** A job, or why the record is not one that ran. */
export function parseJob(
  values: readonly string[],
  columns: Columns,
  line: number,
  nodeLists: NodeLists,
  notices: Notices,
): LoggedJob | Unusable | "step" | "never started" {
  const field = (name: string) => columns.of(name, values);
  if (field("JobID").includes(".") || field("JobIDRaw").includes(".")) return "step";
  if (isNothing(field("Start")) || /^none assigned$/i.test(field("NodeList")))
    return "never started";
  const fromMs = readTimeMs(field("Start"));
  if (fromMs === null) return new Unusable("a start that is not a time", "Start");
  const toMs = endOf(fromMs, field, notices);
  if (typeof toMs !== "number") return toMs;
  const tres = tresOf(field("AllocTRES"));
  const cores = Number(field("AllocCPUS") || field("NCPUS") || tres.get("cpu") || 0);
  if (!Number.isInteger(cores) || cores < 1)
    return new Unusable("no processors", columns.has("AllocCPUS") ? "AllocCPUS" : "NCPUS");
  const nodes = columns.has("NodeList") ? nodeLists.of(field("NodeList")) : null;
  if (nodes?.length === 0) return new Unusable("an invalid node list", "NodeList");
  if (nodes !== null && nodes.length > cores)
    return new Unusable("more nodes than processors", "NodeList");
  const shares = nodes === null ? null : evenShares(nodes, cores);
  const memoryMb = memoryOf(tres.get("mem"));
  return { fromMs, toMs, cores, memoryMb, shares, isSpread: true, line };
}

function endOf(
  fromMs: number,
  field: (name: string) => string,
  notices: Notices,
): number | Unusable {
  const elapsedMs = readElapsedMs(field("ElapsedRaw") || field("Elapsed"));
  if (isNothing(field("End"))) {
    const isRunning =
      /^(|running|suspended|completing|configuring|resizing|stopped|requeue.*|signaling|stage_out)$/i;
    if (isRunning.test(field("State"))) {
      notices.running++;
      return Number.POSITIVE_INFINITY;
    }
    return elapsedMs === null ? new Unusable("missing end", "End") : fromMs + elapsedMs;
  }
  const toMs = readTimeMs(field("End"));
  if (toMs === null) return new Unusable("an end that is not a time", "End");
  if (elapsedMs !== null && clockWentBack(toMs - fromMs, elapsedMs)) {
    notices.byElapsed++;
    return fromMs + elapsedMs;
  }
  if (elapsedMs !== null && elapsedMs < toMs - fromMs) notices.suspended++;
  return toMs < fromMs ? new Unusable("negative run time", "End") : toMs;
}

/** In autumn local time repeats half an hour or an hour: a job lasts longer than its times say. */
function clockWentBack(lastedMs: number, elapsedMs: number): boolean {
  const repeatedMs = elapsedMs - lastedMs;
  return lastedMs < 0 || repeatedMs === 3_600_000 || repeatedMs === 1_800_000;
}

const tresOf = (text: string): ReadonlyMap<string, string> =>
  new Map(text.split(",").map((each) => each.split("=", 2) as [string, string]));

/** `31000M`, `62.50G`: on all nodes together, in MB. */
function memoryOf(text: string | undefined): number | null {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)([KMGTP])$/.exec(text ?? "");
  if (match === null) return null;
  const mb = { K: 1 / 1_024, M: 1, G: 1_024, T: 1_024 ** 2, P: 1_024 ** 3 }[match[2]!]!;
  return Number(match[1]) * mb;
}

/** Slurm's records say no more, so evenly, with the remainder on the first nodes. */
function evenShares(nodes: readonly string[], cores: number): NodeShare[] {
  const each = Math.floor(cores / nodes.length);
  const more = cores % nodes.length;
  return nodes.map((node, place) => ({ node, cores: each + (place < more ? 1 : 0) }));
}
