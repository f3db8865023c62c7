// Reads nodes by name: the output of `scontrol show node`, on one line each or several, and the
// NodeName lines of slurm.conf.

import { GleanerError } from "../../model/errors.js";
import { expandHostList } from "../../model/hostlist.js";
import { nodeName } from "../../model/ids.js";
import type { TraceNode } from "../site/trace.js";

/** Slurm's own limits. */
export const maxNodes = 65_536;
export const maxCoresPerNode = 65_535;

/** Whether the line begins the record of a node. */
export const beginsNodeRecord = (line: string): boolean => /^\s*NodeName=/i.test(line);

/** Collects records line by line; a record lasts until the next one begins. */
export class NodeRecords {
  private readonly nodes = new Map<string, TraceNode>();
  private record = "";
  private recordLine = 0;

  /** `memoryPerCoreMb` is for nodes of which no memory is known. */
  constructor(private readonly memoryPerCoreMb: number) {}

  /** How many nodes have guessed memory. */
  guessed = 0;

  add(line: string, number: number): void {
    if (!beginsNodeRecord(line)) {
      // Only the beginning of a record matters; a reason may have any number of lines.
      if (this.record.length < 10_000) this.record += ` ${line}`;
      return;
    }
    this.endRecord();
    this.record = line;
    this.recordLine = number;
  }

  all(): TraceNode[] {
    this.endRecord();
    return [...this.nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  private endRecord(): void {
    const { record } = this;
    if (record === "") return;
    this.record = "";
    const value = (name: string) =>
      new RegExp(`(?:^|\\s)${name}=(\\S+)`, "i").exec(record)?.[1] ?? null;
    const names = namesOf(value("NodeName"));
    if (names.length === 0) throw this.invalid("its NodeName is not a list of nodes");
    // slurm.conf's defaults are no node.
    if (names.length === 1 && names[0] === "DEFAULT") return;
    const cores = coresOf(value);
    if (cores === null)
      throw this.invalid(`no CPUTot, CPUs or Sockets from 1 to ${maxCoresPerNode}`);
    const memoryMb = memoryOf(value);
    if (memoryMb === null) this.guessed += names.length;
    for (const name of names)
      this.nodes.set(name, {
        name: nodeName(name),
        cores,
        memoryMb: memoryMb ?? cores * this.memoryPerCoreMb,
      });
    if (this.nodes.size > maxNodes) throw this.invalid(`more than ${maxNodes} nodes in all`);
  }

  private invalid(why: string): GleanerError {
    return new GleanerError(
      "BAD_REQUEST",
      `line ${this.recordLine} of the machines is not the record of a node (${why}): write what scontrol -o show node prints`,
    );
  }
}

type Value = (name: string) => string | null;

function namesOf(text: string | null): readonly string[] {
  try {
    return text === null ? [] : expandHostList(text);
  } catch {
    return []; // the caller refuses it
  }
}

/** CPUs as Slurm allocates them: without those that are set aside for the system. */
function coresOf(value: Value): number | null {
  const number = (name: string) => Number(value(name) ?? Number.NaN);
  const boards =
    (number("Sockets") || number("SocketsPerBoard") || 1) * (number("CoresPerSocket") || 1);
  const counted = number("Sockets") || number("CoresPerSocket") ? boards : Number.NaN;
  const cores =
    number("CPUEfctv") ||
    number("CPUTot") ||
    number("CPUs") ||
    counted * (number("ThreadsPerCore") || 1);
  return Number.isInteger(cores) && cores >= 1 && cores <= maxCoresPerNode ? cores : null;
}

/** The memory that jobs may have, in MB; null if the record has none. */
function memoryOf(value: Value): number | null {
  const [real, special] = [Number(value("RealMemory")), Number(value("MemSpecLimit") ?? 0)];
  // 1 is what Slurm shows for a node whose memory nobody configured.
  if (!Number.isSafeInteger(real) || real <= 1) return null;
  return Math.max(1, real - (Number.isSafeInteger(special) ? special : 0));
}
