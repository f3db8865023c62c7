// Times synchronous calls of a warm no-op function, one at a time, beside a ping-pong through one
// relaying process, which is the least that a way through a daemon costs: [--calls N] [--rounds N].

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { codeOf } from "../../../test/support/executor/function-code.js";
import { until } from "../../cluster/until.js";
import { Api } from "../lib/api.js";
import type { Driver } from "../lib/driver.js";
import {
  benchmark,
  countsOf,
  measuredPercentiles,
  preciseMs,
  rounded,
  say,
} from "../lib/harness.js";
import { startSdkClient } from "../lib/sdk-client.js";
import { Relay } from "./relay.js";

const client = join(dirname(fileURLToPath(import.meta.url)), "client.mjs");
const readyDeadlineMs = 60_000;
const counts = countsOf({ calls: 200, rounds: 3 });
const sizes = { "64B": 64, "4KiB": 4_096, "1MiB": 1_048_576 } as const;
type Size = keyof typeof sizes;
/** A large message takes longer: a fifth of the calls are enough. */
const callsOf: Readonly<Record<Size, number>> = {
  "64B": counts.calls,
  "4KiB": counts.calls,
  "1MiB": Math.ceil(counts.calls / 5),
};
const bars: Readonly<Record<Size, number>> = { "64B": 2, "4KiB": 2, "1MiB": 1.3 };
/** Its results are contents that gleanerd does not have yet, as the inputs are. */
const source = { "index.mjs": "export default (input) => { input[0] ^= 1; return input; };" };

await benchmark({ nodes: 1, cpus: 2 }, async (site) => {
  const api = new Api(site);
  await api.identify();
  const hasExecutor = async () =>
    (await api.info()).nodes[0]?.executor?.state === "ready" ? true : undefined;
  await until(readyDeadlineMs, hasExecutor, () => new Error("no executor became ready"));
  await api.deploy("noop", (await codeOf(source)).bundle);
  api.close();
  const calls = await startSdkClient(site, client);
  const relay = await Relay.start();
  const names = Object.keys(sizes) as Size[];
  const seen = new Map(
    names.map((size) => [size, { call: [] as number[], relay: [] as number[] }]),
  );
  try {
    for (let round = 0; round < counts.rounds; round++)
      for (const size of names) {
        const times = callsOf[size];
        await timed(calls, size, 1); // the worker is warm from here on
        seen.get(size)!.call.push(...(await timed(calls, size, times)));
        const message = Buffer.alloc(sizes[size], "x");
        seen.get(size)!.relay.push(...(await pingPong(relay, message, times)));
        say(`round ${round + 1}, ${size}: done`);
      }
  } finally {
    relay.stop();
    await calls.stop();
  }
  const figures = names.map((size) => [size, figuresOf(size, seen.get(size)!)] as const);
  const withinBars = figures.every(([size, { ratio }]) => ratio <= bars[size]);
  return { ...Object.fromEntries(figures), rounds: counts.rounds, bars, withinBars };
});

async function timed(calls: Driver, size: Size, times: number): Promise<readonly number[]> {
  const asked = { bytes: sizes[size], calls: times };
  return (await calls.ask<{ tookMs: number[] }>(asked)).tookMs;
}

async function pingPong(relay: Relay, message: Buffer, times: number): Promise<number[]> {
  const tookMs: number[] = [];
  for (let each = 0; each < times; each++) {
    const startedMs = preciseMs();
    await relay.send(message);
    tookMs.push(preciseMs() - startedMs);
  }
  return tookMs;
}

function figuresOf(
  size: Size,
  { call, relay }: { call: readonly number[]; relay: readonly number[] },
) {
  const called = measuredPercentiles("a call", call);
  const relayed = measuredPercentiles("a relayed message", relay);
  return {
    calls: call.length,
    p50ms: rounded(called.p50),
    p99ms: rounded(called.p99),
    relayP50ms: rounded(relayed.p50, 3),
    ratio: rounded(called.p50 / relayed.p50),
    bar: bars[size],
  };
}
