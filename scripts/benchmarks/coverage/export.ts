// Writes the replayed stretch as Slurm really ran it, for `glean simulate`: an SWF with node lists,
// and the functions as a trace.

import { writeFileSync } from "node:fs";
import type { NodeCores } from "./records.js";

/** One line for each job and node; seconds with milliseconds, which the simulator accepts. */
export function writeSwf(
  file: string,
  allocated: readonly NodeCores[],
  memoryPerCoreMb: number,
): void {
  const firstMs = Math.min(...allocated.map(({ fromMs }) => fromMs));
  const lines = allocated.map(({ node, cores, fromMs, toMs }, index) => {
    const list = Array.from({ length: cores }, () => node).join(",");
    const memoryBytes = cores * memoryPerCoreMb * 1_048_576;
    const times = [(fromMs - firstMs) / 1_000, 0, (toMs - fromMs) / 1_000];
    const fields = [index, ...times, cores, -1, -1, cores, -1, memoryBytes];
    return `${fields.join(" ")} 1 1 1 1 1 1 -1 -1 {${list}}`;
  });
  writeFileSync(file, `${lines.join("\n")}\n`);
}

/** One round of the functions in the order of their submission; the simulator repeats it. */
export function writeCalls(
  file: string,
  durationsMs: readonly number[],
  tasksPerTurn: number,
): void {
  const lines = durationsMs.flatMap((ms, turn) =>
    Array.from({ length: tasksPerTurn }, (_, task) => {
      const startS = (turn * tasksPerTurn + task) / 1_000;
      return `bench,sleep-${ms},${startS + ms / 1_000},${ms / 1_000}`;
    }),
  );
  writeFileSync(file, `app,func,end_timestamp,duration\n${lines.join("\n")}\n`);
}

export const simulateCommand = (
  swf: string,
  calls: string,
  size: { nodes: number; coresPerNode: number; memoryPerCoreMb: number },
): string =>
  [
    `scripts/glean simulate --swf ${swf} --nodes ${size.nodes} --cores-per-node ${size.coresPerNode}`,
    `--memory-per-core ${size.memoryPerCoreMb}M --invocations ${calls} --call-memory 50M --json`,
  ].join(" ");
