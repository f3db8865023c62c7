// Runs the replays of one command, on all processors if there are several.

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { monotonicMs } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import type { ReplayNews, ReplayOrder, Simulated } from "../../sim/index.js";
import type { Progress } from "./progress.js";

export type Timed = Simulated & { readonly wallMs: number };

/**
 * Results in the order of `orders`. Each replay is sequential by nature, because each event follows
 * from the one before; several share nothing.
 */
export async function runReplays(
  orders: readonly ReplayOrder[],
  progress: Progress,
  simulate: typeof import("../../sim/index.js")["simulate"],
): Promise<readonly Timed[]> {
  progress.expect(orders.length);
  const program = join(dirname(process.argv[1] ?? ""), "glean-replay.cjs");
  const threads = Math.min(orders.length, availableParallelism());
  const results: Timed[] = [];
  if (threads < 2 || !existsSync(program)) {
    for (const [run, order] of orders.entries()) {
      const startedMs = monotonicMs();
      const onProgress = (share: number) => progress.at(run, share);
      const simulated = simulate({ ...order, onProgress });
      progress.at(run, 1);
      results.push({ ...simulated, wallMs: monotonicMs() - startedMs });
    }
    return results;
  }
  let next = 0;
  const work = async () => {
    while (next < orders.length) {
      const run = next++;
      const onProgress = (share: number) => progress.at(run, share);
      results[run] = await inThread(program, orders[run]!, onProgress);
      progress.at(run, 1);
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
  return results;
}

function inThread(
  program: string,
  order: ReplayOrder,
  onProgress: (share: number) => void,
): Promise<Timed> {
  const startedMs = monotonicMs();
  const worker = new Worker(program, { workerData: order });
  return new Promise((resolve, reject) => {
    worker.on("message", (news: ReplayNews) => {
      if (news.kind === "progress") onProgress(news.share);
      else if (news.kind === "refused") reject(new GleanerError(news.code, news.message));
      else resolve({ ...news.simulated, wallMs: monotonicMs() - startedMs });
    });
    worker.on("error", reject);
    // After its result this changes nothing.
    worker.on("exit", (code) => reject(new Error(`the thread of a replay exited with ${code}`)));
  });
}
