// Measures calls that wait 100 ms each in workers of one core: one alone, and several at once, with
// a concurrency of 1 and with seats for all: [--calls 4] [--rounds 5].

import { randomUUID } from "node:crypto";
import type { CalledAnswer } from "../../src/wire/api/types.js";
import { codeOf } from "../../test/support/executor/function-code.js";
import { until } from "../cluster/until.js";
import { Api } from "./lib/api.js";
import { median, rounded } from "./lib/figures.js";
import { benchmark, countsOf, say } from "./lib/harness.js";
import { timed } from "./lib/measures.js";

const waitsMs = 100;
const counts = countsOf({ calls: 4, rounds: 5 });
/** All calls together, beside one alone. */
const bar = 1.5;
const answerMs = 60_000;
const handler = `export default () => new Promise((done) => setTimeout(done, ${waitsMs}));`;

await benchmark({ nodes: 1, cpus: 1 }, async (site) => {
  const api = new Api(site);
  await api.identify();
  const hasExecutor = async () =>
    (await api.info()).nodes.some(({ executor }) => executor?.state === "ready") || undefined;
  await until(answerMs, hasExecutor, () => new Error("no executor became ready"));
  for (const [name, concurrency] of [
    ["alone", 1],
    ["together", counts.calls],
  ] as const)
    await api.deploy(name, (await codeOf({ "index.mjs": handler }, { concurrency })).bundle);
  const one = await measured(api, "alone", 1);
  const inTurn = await measured(api, "alone", counts.calls);
  const shared = await measured(api, "together", counts.calls);
  api.close();
  const ratio = rounded(shared.ms / one.ms);
  return { calls: counts.calls, waitsMs, one, inTurn, shared, ratio, meetsBar: ratio <= bar };
});

/** Calls at once: until the last answer, and the core-time that they pay together. */
async function measured(api: Api, name: string, calls: number) {
  await call(api, name);
  const rounds: { ms: number; coreMs: number }[] = [];
  for (let round = 0; round < counts.rounds; round++) {
    const { ms, value } = await timed(() =>
      Promise.all(Array.from({ length: calls }, () => call(api, name))),
    );
    let coreMs = 0;
    for (const { id } of value) {
      const { attempts } = await api.detail(String(id));
      for (const { cores, shareMs, wallMs } of attempts) coreMs += cores * (shareMs ?? wallMs ?? 0);
    }
    rounds.push({ ms, coreMs });
  }
  const figures = {
    ms: rounded(median(rounds.map(({ ms }) => ms))),
    coreMs: median(rounds.map(({ coreMs }) => coreMs)),
  };
  say(`${calls} calls of ${name}: ${figures.ms} ms, ${figures.coreMs} core-ms are paid`);
  return figures;
}

async function call(api: Api, name: string): Promise<CalledAnswer> {
  const input = { contentType: "application/json", text: "null" };
  const request = { requestId: randomUUID(), function: name, input, timeLimitMs: null };
  const answer = await api.call({ ...request, waitMs: answerMs, fresh: true });
  if (answer.answer?.kind !== "result") throw new Error(`no result: ${JSON.stringify(answer)}`);
  return answer;
}
