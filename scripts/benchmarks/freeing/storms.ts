// What fills the node while it is freed, functions and load, and whether it is really there: a
// figure that was taken beside nothing says nothing.

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../cluster/until.js";

/** Beside the load, functions seldom get a processor. */
const stepDeadlineMs = 120_000;

interface Storm {
  /** What a function does until it is killed. */
  readonly command: readonly string[];
  /** A function has reached its height when it has this much of what `measure` counts. */
  readonly height: number;
  readonly measure: (pids: readonly string[]) => { readonly size: number; readonly step: string };
}

const mountsOf = (pid: string): string[] =>
  contentOf(`/proc/${pid}/mountinfo`)
    .split("\n")
    .filter((line) => line.includes(" /dev/shm "));

export const storms = {
  busy: {
    command: ["/bin/sh", "-c", "while :; do :; done"],
    height: 1,
    measure: (pids) => ({
      size: pids.length,
      step: String(pids.reduce((sum, pid) => sum + ranNs(pid), 0)),
    }),
  },
  forks: {
    // Those that have forked end about as often as they are born; the first one goes on.
    command: [
      "/usr/bin/perl",
      "-e",
      '$SIG{CHLD} = "IGNORE"; my $first = $$; while (1) { my $p = fork; next unless defined $p; exit 0 if $p ? $$ != $first && rand() < 0.4 : rand() < 0.5 }',
    ],
    height: 10,
    measure: (pids) => ({ size: pids.length, step: pids.toSorted().join() }),
  },
  mounts: {
    command: [
      "/usr/bin/unshare",
      "-Urm",
      "/bin/sh",
      "-c",
      // Each mount is charged to the function: as many remain as its memory allows.
      "for i in $(seq 300); do mount -t tmpfs none /dev/shm; done; while :; do mount -t tmpfs none /dev/shm; umount /dev/shm; done",
    ],
    height: 100,
    measure: (pids) => {
      const mounts = pids
        .map(mountsOf)
        .reduce((most, each) => (each.length > most.length ? each : most), []);
      return { size: mounts.length, step: mounts.at(-1) ?? "" };
    },
  },
} satisfies Record<string, Storm>;
export type Kind = keyof typeof storms;

/** The functions of the node, each in its cgroup of version 2. */
export class Storms {
  constructor(
    private readonly kind: Kind,
    private readonly groups: readonly string[],
  ) {}

  /** Resolves once each function has reached its height. */
  async reachTheirHeight(): Promise<void> {
    const { height } = storms[this.kind];
    const sizes = () => this.look().map(({ size }) => size);
    const reached = () => sizes().every((size) => size >= height) || undefined;
    const late = () =>
      new Error(`${this.kind}: expected ${height} of each function, not ${sizes()}`);
    await until(stepDeadlineMs, reached, late);
  }

  /** Resolves once a function has done a step after this call. */
  async goOn(): Promise<void> {
    const before = this.look().map(({ step }) => step);
    const moved = () => this.look().some(({ step }, at) => step !== before[at]) || undefined;
    const late = () => new Error(`${this.kind}: no function did anything beside the load`);
    await until(stepDeadlineMs, moved, late);
  }

  private look() {
    const { measure } = storms[this.kind];
    return this.groups.map((group) => measure(pidsIn(group)));
  }
}

/** Busy loops, each in its own session, as of users who logged in. */
export class Load {
  private readonly loops: readonly ChildProcess[];
  private readonly end = (): void => {
    for (const loop of this.loops) loop.kill("SIGKILL");
  };

  constructor(count: number) {
    const busy = ["-c", "while :; do :; done"];
    this.loops = Array.from({ length: count }, () =>
      spawn("/bin/sh", busy, { stdio: "ignore", detached: true }),
    );
    process.once("exit", this.end);
  }

  /** Resolves once all of them have run and want a processor. */
  async spread(): Promise<void> {
    const late = () => new Error(`of ${this.loops.length} loops of load, ${this.running} run`);
    await until(stepDeadlineMs, () => this.running === this.loops.length || undefined, late);
  }

  /** Ends it; throws if it was not complete until then. */
  stop(): void {
    const { running } = this;
    this.end();
    process.off("exit", this.end);
    if (running !== this.loops.length)
      throw new Error(`of ${this.loops.length} loops of load, ${running} ran to the end`);
  }

  private get running(): number {
    return this.loops.filter(({ pid }) => {
      const stat = contentOf(`/proc/${pid}/stat`);
      return stat.slice(stat.lastIndexOf(")") + 2).startsWith("R") && ranNs(String(pid)) > 0;
    }).length;
  }
}

const pidsIn = (group: string): string[] =>
  contentOf(join(group, "cgroup.procs")).split("\n").filter(Boolean);

/** How long its first thread has had a processor. */
const ranNs = (pid: string): number => Number(contentOf(`/proc/${pid}/schedstat`).split(" ")[0]);

/** "" if its process has ended. */
function contentOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
