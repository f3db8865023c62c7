// Formats figures (core-hours, percentages, times) and the sentences with the report's findings.

import { counted } from "../model/counted.js";
import type { NodeUtilization, Utilization, Violation } from "../model/records/utilization.js";

/** A shorter eviction delays no job: the first task starts about 115 ms after the prolog begins. */
export const unnoticedMs = 100;
/** From this amount on, figures are in core-hours. */
const coreHoursFromMs = 10 * 3_600_000;

/** The most violations in the text; the JSON has all of them. */
const maxShownViolations = 10;

export interface CoreTimeUnit {
  readonly name: "core-hours" | "core-seconds";
  readonly coreMs: number;
  /** Decimal places, the same for all figures of a table. */
  readonly places: number;
}

/** Returns one unit for all figures up to `largestCoreMs`. */
export function coreTimeUnit(largestCoreMs: number): CoreTimeUnit {
  const [name, coreMs] =
    largestCoreMs >= coreHoursFromMs
      ? (["core-hours", 3_600_000] as const)
      : (["core-seconds", 1_000] as const);
  return { name, coreMs, places: largestCoreMs >= 10_000 * coreMs ? 0 : 1 };
}

/** Returns the unit for a table of nodes. */
export function unitOfNodes(nodes: readonly NodeUtilization[]): CoreTimeUnit {
  return coreTimeUnit(nodes.reduce((most, node) => Math.max(most, node.availableCoreMs), 0));
}

/** Formats core-milliseconds in the unit, without its name: `12,345`, `12.3`. */
export function coreTime(coreMs: number, unit: CoreTimeUnit): string {
  return (coreMs / unit.coreMs).toLocaleString("en-US", {
    minimumFractionDigits: unit.places,
    maximumFractionDigits: unit.places,
  });
}

/** Formats `41.7 %`, or a dash if the whole is 0. Never rounds up to 100 or down to 0. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "–";
  const share = (100 * part) / whole;
  if (share > 99.9 && share < 100) return "> 99.9 %";
  if (share > 0 && share < 0.1) return "< 0.1 %";
  return `${share.toFixed(1)} %`;
}

/** Formats `12 ms`, `3.4 ms` or `1.25 s`. */
export function milliseconds(ms: number): string {
  return ms < 1_000 ? `${decimal(ms, 1)} ms` : `${decimal(ms / 1_000, 2)} s`;
}

/** Formats `2026-03-01 12:00:00 UTC`. */
export function instant(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Formats the two largest units of a duration: `2 d 4 h`, `1 min 58 s`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const units: readonly (readonly [string, number])[] = [
    ["d", Math.floor(seconds / 86_400)],
    ["h", Math.floor(seconds / 3_600) % 24],
    ["min", Math.floor(seconds / 60) % 60],
    ["s", seconds % 60],
  ];
  const first = units.findIndex(([, count]) => count > 0);
  if (first === -1) return "0 s";
  const shown = units.slice(first, first + 2).filter(([, count]) => count > 0);
  return shown.map(([name, count]) => `${count} ${name}`).join(" ");
}

export function decimal(value: number, places: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: places });
}

/** The line under the title: the period, nodes and jobs. */
export function subtitle(u: Utilization): string {
  const [from, to] = [instant(u.fromMs), instant(u.toMs)];
  const sameDay = from.slice(0, 10) === to.slice(0, 10);
  const begin = from.slice(0, -" UTC".length);
  const end = sameDay ? to.slice("2026-03-01 ".length) : to;
  const period = `${begin} to ${end} (${duration(u.toMs - u.fromMs)})`;
  return `${period} · ${counted(u.nodes, "node")} · ${counted(u.batchJobs, "batch job")}`;
}

/** Says how much was idle, how much of it was used, and whether a batch job waited. */
export function findings(u: Utilization): readonly string[] {
  return [
    idleFinding(u),
    ...(u.idleCoreMs > 0 ? [harvestFinding(u)] : []),
    ...leaseFinding(u),
    evictionFinding(u),
    ...unobservedFinding(u),
  ];
}

/** A restart of gleanerd, or the seconds since Slurm was read, are not worth a sentence. */
const mentionedMs = 60_000;

function unobservedFinding({ unobservedMs, fromMs, toMs }: Utilization): readonly string[] {
  if (unobservedMs < mentionedMs) return [];
  const part = `${duration(unobservedMs)} of this period (${percent(unobservedMs, toMs - fromMs)})`;
  return [
    `Nothing is on record for ${part}, in which gleanerd did not run, could not read Slurm, or found no node in service: the figures leave that time out.`,
  ];
}

function idleFinding(u: Utilization): string {
  if (u.availableCoreMs === 0)
    return "No node was available to Slurm in this period, so there was nothing to harvest.";
  if (u.idleCoreMs === 0)
    return "Batch jobs held every core for the whole period, so no core was idle.";
  const unit = coreTimeUnit(u.availableCoreMs);
  const all = `${coreTime(u.availableCoreMs, unit)} ${unit.name}`;
  const idle = `${coreTime(u.idleCoreMs, unit)} (${percent(u.idleCoreMs, u.availableCoreMs)})`;
  return `Batch jobs left ${idle} idle of the ${all} available to Slurm.`;
}

function harvestFinding(u: Utilization): string {
  const covered = percent(u.coveredCoreMs, u.idleCoreMs);
  const useful = percent(u.usefulCoreMs, u.idleCoreMs);
  return `Gleaner held ${covered} of that idle time ready for functions (coverage), and ${useful} of it became finished work (goodput).`;
}

/** Covers workers that have ended: what others use is not measured yet. */
function leaseFinding(u: Utilization): readonly string[] {
  const { leasedCallsCoreMs: calls, leasedHotCoreMs: hot, leasedHeldCoreMs: held } = u;
  const coreMs = calls + hot + held;
  if (coreMs === 0) return [];
  const unit = coreTimeUnit(coreMs);
  const parts = [calls, hot, held].map((part) => percent(part, coreMs));
  return [
    `Leases that ended held ${coreTime(coreMs, unit)} ${unit.name}: ${parts[0]} for calls, ${parts[1]} spinning, ${parts[2]} idle.`,
  ];
}

function evictionFinding(u: Utilization): string {
  if (u.evictMs === null)
    return "No batch job needed cores that Gleaner held, so none waited for Gleaner.";
  const times = u.evictions === 1 ? "once" : `${decimal(u.evictions, 0)} times`;
  const median = milliseconds(u.evictMs.p50);
  const slowest = milliseconds(u.evictMs.max);
  const took = `Batch jobs reclaimed cores ${times} and received them after ${u.evictions === 1 ? "" : `${median} (median), at most `}${slowest}`;
  const noticed = noticedEvictions(u);
  if (noticed === 0) {
    return `${took}, within the ${unnoticedMs} ms that a job takes to start anyway: no batch job waited.`;
  }
  return `${took}; ${noticed} of them took longer than the ${unnoticedMs} ms that a job takes to start anyway, so a batch job may have waited.`;
}

/** Lists jobs that began beside functions; empty if unmeasured. */
export function violationLines(u: Utilization): readonly string[] {
  if (u.violations === null) return [];
  if (u.violations.length === 0)
    return ["Violations: none; all functions were gone before each job began"];
  const shown = u.violations.slice(0, maxShownViolations);
  const more = u.violations.length - shown.length;
  return [
    `Violations: ${counted(u.violations.length, "job")} began while functions may still have held its resources`,
    ...shown.map(violationLine),
    ...(more === 0 ? [] : [`  and ${decimal(more, 0)} more, listed in the JSON`]),
  ];
}

function violationLine({ jobId, node, atMs, tookMs, left }: Violation): string {
  const processes = left === 1 ? "1 process was" : `${decimal(left ?? 0, 0)} processes were`;
  const what = left === null ? "the number of remaining processes is unknown" : `${processes} left`;
  return `  job ${jobId} on ${node} at ${instant(atMs)}: ${what} after ${milliseconds(tookMs)}`;
}

/** Counts evictions longer than unnoticedMs, which is the bound of a bin. */
function noticedEvictions(u: Utilization): number {
  return u.evictHistogram
    .filter(({ atMostMs }) => atMostMs === null || atMostMs > unnoticedMs)
    .reduce((sum, { count }) => sum + count, 0);
}

/**
 * Returns all nodes in their order or, if there are more than `limit`, those with the most
 * unharvested idle core-time.
 */
export function nodesToShow(u: Utilization, limit: number): readonly NodeUtilization[] {
  if (u.perNode.length <= limit) return u.perNode;
  const missed = (node: NodeUtilization) => node.idleCoreMs - node.coveredCoreMs;
  return [...u.perNode].sort((a, b) => missed(b) - missed(a)).slice(0, limit);
}

/** All available core-time in four parts. */
export interface Parts {
  readonly allocated: number;
  readonly useful: number;
  readonly held: number;
  readonly missed: number;
}

export function partsOf(
  node: Pick<NodeUtilization, "allocatedCoreMs" | "usefulCoreMs" | "coveredCoreMs" | "idleCoreMs">,
): Parts {
  return {
    allocated: node.allocatedCoreMs,
    useful: node.usefulCoreMs,
    held: node.coveredCoreMs - node.usefulCoreMs,
    missed: node.idleCoreMs - node.coveredCoreMs,
  };
}

export type PartNames = Readonly<Record<keyof Parts, string>>;

export const partNames: PartNames = {
  allocated: "Batch jobs",
  useful: "Finished work of functions",
  held: "Held ready, no finished work",
  missed: "Idle, not harvested",
};
