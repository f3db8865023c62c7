// Measures functions (`true`) per second, end to end, on 2 nodes x 16 cores, compared with xargs
// beside it, and the time of a single one: [--functions N] [--rounds N] [--alone N].

import { execFileSync } from "node:child_process";
import type { InvocationList } from "../../src/wire/api/types.js";
import { until } from "../cluster/until.js";
import { Api } from "./lib/api.js";
import {
  benchmark,
  countsOf,
  median,
  medianRatio,
  preciseMs,
  rounded,
  say,
} from "./lib/harness.js";

const nodes = 2;
const coresPerNode = 16;
const readyDeadlineMs = 60_000;
const counts = countsOf({ functions: 2_000, rounds: 3, alone: 30 });

await benchmark({ nodes, cpus: coresPerNode }, async (site) => {
  const api = new Api(site);
  await api.identify();
  await allReady(api);
  const aloneMs: number[] = [];
  for (let run = 0; run < counts.alone; run++) aloneMs.push(await timeOf(api, null));
  say(`a single function, from submission to its end: ${rounded(median(aloneMs))} ms`);
  const elapsedMs: number[] = [];
  const xargsMs: number[] = [];
  for (let round = 0; round < counts.rounds; round++) {
    xargsMs.push(timeOfXargs(counts.functions));
    elapsedMs.push(await timeOf(api, counts.functions));
    say(`round ${round + 1}: ${perSecond(elapsedMs)}/s so far, xargs ${perSecond(xargsMs)}/s`);
  }
  api.close();
  return {
    functions: counts.functions,
    cores: nodes * coresPerNode,
    functionsPerSecond: perSecond(elapsedMs),
    overheadMs: rounded(median(elapsedMs) / counts.functions),
    aloneMs: rounded(median(aloneMs)),
    exec: {
      perSecond: perSecond(elapsedMs),
      xargsPerSecond: perSecond(xargsMs),
      ratio: rounded(medianRatio(xargsMs, elapsedMs)),
    },
  };
});

/** The executors are ready before the clock starts. */
async function allReady(api: Api): Promise<void> {
  await until(
    readyDeadlineMs,
    async () => {
      const info = await api.info();
      const ready = info.nodes.filter(({ executor }) => executor?.state === "ready");
      return ready.length === nodes ? true : undefined;
    },
    () => new Error(`the nodes had no executors within ${readyDeadlineMs} ms`),
  );
}

function perSecond(elapsedMs: readonly number[]): number {
  return rounded((counts.functions * 1_000) / median(elapsedMs), 0);
}

/** The same commands by the quickest means of the machine: nobody decides or records anything. */
function timeOfXargs(commands: number): number {
  const input = Array.from({ length: commands }, (_, index) => index).join("\n");
  const startedMs = preciseMs();
  execFileSync("xargs", ["-P2", "-n1", "/bin/true"], { input });
  return preciseMs() - startedMs;
}

/** Milliseconds from the submission to the answer that all have completed. */
async function timeOf(api: Api, tasks: number | null): Promise<number> {
  const startedMs = preciseMs();
  const { id } = await api.submitTrue(tasks);
  const ended = await api.ended(id);
  const elapsedMs = preciseMs() - startedMs;
  assertCompleted(ended, tasks ?? 1);
  return elapsedMs;
}

function assertCompleted(ended: InvocationList["invocations"], expected: number): void {
  const completed = ended.filter(({ state }) => state === "COMPLETED").length;
  if (completed !== expected) throw new Error(`${completed} of ${expected} functions completed`);
}
