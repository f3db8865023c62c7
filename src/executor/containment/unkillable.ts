// Finds processes of functions that hang in the kernel, where SIGKILL does not end them, and the
// resources that they hold.

import { readdirSync, readFileSync } from "node:fs";
import { clearTimeout, setTimeout, type Timer } from "../../clock.js";
import type { UnkillableProcess, UnkillableReport } from "../../model/capacity/unkillable.js";
import { invocationId } from "../../model/ids.js";
import { nothing, type Resources } from "../../model/resources.js";
import { startTicksOf } from "../node/processes.js";
import type { AttemptGroup } from "./containment.js";

/** The resources are free again within a second after the last of them is gone. */
const lookMs = 1_000;
/**
 * A function's processes usually hang for the same reason; the total number is reported beside
 * these.
 */
const maxDescribed = 8;

/** The resources given to an attempt that hangs. */
export interface HungAttempt {
  /** Its group's name, which begins with invocation and attempt. */
  readonly name: string;
  readonly held: Resources;
  readonly pids: readonly number[];
}

/** The group of an attempt of this executor that hangs. */
export interface HungGroup extends Pick<HungAttempt, "name" | "held"> {
  readonly group: Pick<AttemptGroup, "isEmpty" | "processes" | "remove">;
}

/** The groups that a dead executor, or this one, could not end. */
export interface HungGroups {
  /** The groups that still have processes; removes the others. */
  look(): readonly HungAttempt[];
}

export const noHungGroups: HungGroups = { look: () => [] };

/** The hook's notes in the node's folder. */
export interface HungNotes {
  /** The processes that still exist; removes the notes of others. */
  readUnkillable(): readonly number[];
  noteUnkillable(pids: readonly number[]): void;
}

export type Describe = (pid: number) => Promise<Omit<UnkillableProcess, "pid" | "invocation">>;

/** Checks again while there are any, and reports each change. */
export class Unkillable {
  private current: UnkillableReport = { count: 0, processes: [], held: nothing };
  private own: readonly HungGroup[] = [];
  private readonly described = new Map<string, UnkillableProcess>();
  private timer: Timer | undefined;

  constructor(
    private readonly groups: HungGroups,
    private readonly notes: HungNotes,
    private readonly describe: Describe,
    private readonly changed: (report: UnkillableReport) => void,
  ) {}

  get report(): UnkillableReport {
    return this.current;
  }

  /** An attempt of this executor hangs. */
  add(hung: HungGroup): void {
    this.own = [...this.own, hung];
    this.look();
  }

  /** Must be called at the start, and whenever something is known to hang. */
  look(): void {
    clearTimeout(this.timer);
    const attempts = [...this.groups.look(), ...this.lookAtOwn()];
    const inGroups = new Map(
      attempts.flatMap(({ name, pids }) => pids.map((pid) => [pid, name] as const)),
    );
    const noted = this.notes.readUnkillable();
    const unnamed = noted.filter((pid) => !inGroups.has(pid));
    const all = [...inGroups, ...unnamed.map((pid) => [pid, null] as const)];
    this.notes.noteUnkillable([...inGroups.keys()].filter((pid) => !noted.includes(pid)));
    const processes = all.slice(0, maxDescribed).map(([pid, name]) => this.describedAs(pid, name));
    const held = attempts.reduce((sum, each) => together(sum, each.held), heldBy(unnamed));
    this.become({ count: all.length, processes, held });
    if (all.length > 0) {
      this.timer = setTimeout(() => this.look(), lookMs);
      this.timer.unref();
    }
  }

  /** Groups that are empty at last are removed. */
  private lookAtOwn(): readonly HungAttempt[] {
    this.own = this.own.filter(({ group }) => !(group.isEmpty() && group.remove()));
    return this.own
      .map(({ name, held, group }) => ({ name, held, pids: group.processes() }))
      .filter(({ pids }) => pids.length > 0);
  }

  private describedAs(pid: number, groupName: string | null): UnkillableProcess {
    const key = `${pid}.${startTicksOf(pid)}`;
    const known = this.described.get(key);
    if (known !== undefined) return known;
    const invocation = /^\d+/.exec(groupName ?? "")?.[0];
    const unknown: UnkillableProcess = {
      pid,
      invocation: invocation === undefined ? null : invocationId(Number(invocation)),
      name: "",
      user: null,
      waitsIn: null,
      path: null,
      fileSystem: null,
    };
    this.described.set(key, unknown);
    void this.describe(pid).then((described) => {
      const whole = { ...unknown, ...described };
      this.described.set(key, whole);
      const { processes, ...rest } = this.current;
      this.become({
        ...rest,
        processes: processes.map((each) => (each === unknown ? whole : each)),
      });
    });
    return unknown;
  }

  private become(report: UnkillableReport): void {
    const before = JSON.stringify(this.current);
    this.current = report;
    if (report.count === 0) this.described.clear();
    if (JSON.stringify(report) !== before) this.changed(report);
  }
}

/**
 * Without a group of its own, a process's resources are unknown: counts one core and its resident
 * memory.
 */
function heldBy(pids: readonly number[]): Resources {
  return pids.reduce(
    (sum, pid) => together(sum, { cores: 1, memoryMb: residentMb(pid), gpus: [] }),
    nothing,
  );
}

function together(left: Resources, right: Resources): Resources {
  return {
    cores: left.cores + right.cores,
    memoryMb: left.memoryMb + right.memoryMb,
    gpus: [...new Set([...left.gpus, ...right.gpus])],
  };
}

/** Pages are 4 KiB wherever Slurm runs; a larger guess would only leave more of the node unused. */
function residentMb(pid: number): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
    return Math.ceil((pages * 4) / 1024);
  } catch {
    return 0;
  }
}

/**
 * Whether a process and all its live threads sleep uninterruptibly in the kernel, so that SIGKILL
 * does not end it.
 */
export function hangs(pid: number): boolean {
  try {
    const states = readdirSync(`/proc/${pid}/task`).map((thread) =>
      stateOf(`${pid}/task/${thread}`),
    );
    return states.includes("D") && states.every((state) => "DZX".includes(state));
  } catch {
    return false;
  }
}

function stateOf(process: string): string {
  const stat = readFileSync(`/proc/${process}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "X";
}
