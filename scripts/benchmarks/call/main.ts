// Times synchronous calls of a warm no-op function, one at a time, beside a ping-pong through one
// relaying process, which is the least that a way through a daemon costs: [--calls N] [--rounds N].

import { randomUUID } from "node:crypto";
import { codeOf } from "../../../test/support/executor/function-code.js";
import { until } from "../../cluster/until.js";
import { Api } from "../lib/api.js";
import {
  benchmark,
  countsOf,
  measuredPercentiles,
  preciseMs,
  rounded,
  say,
} from "../lib/harness.js";
import { Relay } from "./relay.js";

const readyDeadlineMs = 60_000;
const counts = countsOf({ calls: 200, rounds: 3 });
/** 1 MiB is above the limit of an input, which is 64 KiB. */
const sizes = { "64B": 64, "4KiB": 4_096 } as const;
const bar = { ratio: 2 };

await benchmark({ nodes: 1, cpus: 2 }, async (site) => {
  const api = new Api(site);
  await api.identify();
  const hasExecutor = async () =>
    (await api.info()).nodes[0]?.executor?.state === "ready" ? true : undefined;
  await until(readyDeadlineMs, hasExecutor, () => new Error("no executor became ready"));
  await api.deploy(
    "noop",
    (await codeOf({ "index.mjs": "export default (input) => input;" })).bundle,
  );
  const relay = await Relay.start();
  const seen = Object.fromEntries(
    Object.keys(sizes).map((size) => [size, { call: [] as number[], relay: [] as number[] }]),
  );
  try {
    for (let round = 0; round < counts.rounds; round++)
      for (const [size, bytes] of Object.entries(sizes)) {
        const input = "x".repeat(bytes);
        await timed(1, () => call(api, input)); // the worker is warm from here on
        seen[size]!.call.push(...(await timed(counts.calls, () => call(api, input))));
        seen[size]!.relay.push(
          ...(await timed(counts.calls, () => relay.send(Buffer.from(input)))),
        );
        say(`round ${round + 1}, ${size}: done`);
      }
  } finally {
    relay.stop();
    api.close();
  }
  const result = Object.fromEntries(
    Object.entries(seen).map(([size, each]) => [size, figuresOf(each.call, each.relay)]),
  );
  const withinBars = Object.values(result).every(({ ratio }) => ratio <= bar.ratio);
  return { ...result, calls: counts.calls * counts.rounds, bar, withinBars };
});

/** Throws unless the worker answered with the same bytes. */
async function call(api: Api, input: string): Promise<void> {
  const { answer } = await api.call({
    requestId: randomUUID(),
    function: "noop",
    input: { contentType: "application/json", text: `"${input}"` },
    timeLimitMs: null,
    waitMs: 60_000,
  });
  if (
    answer?.kind !== "result" ||
    answer.payload.base64 !== undefined ||
    !answer.payload.text!.includes(input)
  )
    throw new Error(`the call did not return its input: ${JSON.stringify(answer)}`);
}

async function timed(times: number, act: () => Promise<void>): Promise<number[]> {
  const tookMs: number[] = [];
  for (let each = 0; each < times; each++) {
    const startedMs = preciseMs();
    await act();
    tookMs.push(preciseMs() - startedMs);
  }
  return tookMs;
}

function figuresOf(callMs: readonly number[], relayMs: readonly number[]) {
  const called = measuredPercentiles("a call", callMs);
  const relayed = measuredPercentiles("a relayed message", relayMs);
  return {
    p50ms: rounded(called.p50),
    p99ms: rounded(called.p99),
    relayP50ms: rounded(relayed.p50, 3),
    ratio: rounded(called.p50 / relayed.p50),
  };
}
