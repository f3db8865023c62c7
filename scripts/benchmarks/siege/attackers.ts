// The attackers together: starts a process for each kind, and checks that each really attacks.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Counts } from "./attacker.js";
import type { Target } from "./requests.js";

const program = fileURLToPath(new URL("attacker.ts", import.meta.url));

/** What each kind must have reached at the end, by its own count. */
const leastCounts: Readonly<Record<string, Counts>> = {
  bodies: { opened: 1_000, mostOpen: 200, bytes: 1_000_000 },
  heads: { opened: 3_000, mostOpen: 1_200 },
  uploads: { opened: 300, mostOpen: 100, bytes: 50_000_000 },
  huge: { accepted: 10 },
  flood: { accepted: 20_000, status429: 1 },
  irregular: { accepted: 180_000 },
  waiters: { accepted: 10_000, mostOpen: 400 },
  readers: { opened: 300, mostOpen: 250 },
  lists: { status200: 500 },
};

export const kinds = Object.keys(leastCounts);

export class Attackers {
  private readonly processes = new Map<string, ChildProcess>();
  readonly counts = new Map<string, Counts>();

  start(targetOf: (kind: string) => Target): void {
    for (const kind of kinds) {
      const child = fork(program, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
      child.on("message", (counts: Counts) => this.counts.set(kind, counts));
      child.send({ kind, target: targetOf(kind) });
      this.processes.set(kind, child);
    }
  }

  /** The number of invocations whose acceptance they were told. */
  get accepted(): number {
    return [...this.counts.values()].reduce((sum, counts) => sum + (counts.accepted ?? 0), 0);
  }

  /** Throws if one of them died or did not attack as intended. */
  assertAttacked(): void {
    const weak = kinds.flatMap((kind) => {
      const counts = this.counts.get(kind) ?? {};
      return Object.entries(leastCounts[kind]!)
        .filter(([what, least]) => (counts[what] ?? 0) < least)
        .map(
          ([what, least]) =>
            `${kind}: ${what} is ${counts[what] ?? 0}, but must be at least ${least}`,
        );
    });
    for (const [kind, child] of this.processes)
      if (child.exitCode !== null) weak.push(`${kind}: it exited with status ${child.exitCode}`);
    if (weak.length > 0)
      throw new Error(`the attack was too weak for a result: ${weak.join("; ")}`);
  }

  /** Resolves when all have gone, with their last counts. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.processes.values()].map(async (child) => {
        if (child.exitCode !== null) return;
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.send("stop");
        await gone;
      }),
    );
  }
}
