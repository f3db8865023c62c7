// Measures submissions per second through the HTTP API with 1, 8 and 64 in flight, and one large
// array: [--submits N] [--tasks N].

import type { Site } from "../site/site.js";
import { Api } from "./lib/api.js";
import { benchmark, countsOf, preciseMs, rounded, say } from "./lib/harness.js";

const inFlight = [1, 8, 64];
const counts = countsOf({ submits: 2_000, tasks: 10_000 });

await benchmark({ nodes: 1 }, async (site) => {
  // Nothing runs, so that all submissions can be counted at the end.
  await site.gleanOrThrow(["drain", "all"]);
  const api = new Api(site);
  await api.identify();
  const perSecond: Record<string, number> = {};
  for (const clients of inFlight) {
    perSecond[clients] = rounded(await submitsPerSecond(api, clients), 0);
    say(`${clients} in flight: ${perSecond[clients]} submissions per second`);
  }
  const startedMs = preciseMs();
  await api.submitTrue(counts.tasks);
  const arrayMs = rounded(preciseMs() - startedMs, 0);
  say(`one array of ${counts.tasks} tasks: ${arrayMs} ms`);
  const expected = inFlight.length * counts.submits + counts.tasks;
  const durable = await countAfterCrash(site, api);
  api.close();
  if (durable !== expected)
    throw new Error(`${expected} were accepted, and ${durable} are there after a crash`);
  return { submits: counts.submits, perSecond, tasks: counts.tasks, arrayMs, durable };
});

async function submitsPerSecond(api: Api, clients: number): Promise<number> {
  let left = counts.submits;
  const client = async (): Promise<void> => {
    while (left-- > 0) await api.submitTrue(null);
  };
  const startedMs = preciseMs();
  await Promise.all(Array.from({ length: clients }, client));
  return (counts.submits * 1_000) / (preciseMs() - startedMs);
}

/**
 * The number of waiting invocations after gleanerd was killed right after its last answer, and
 * restarted.
 */
async function countAfterCrash(site: Site, api: Api): Promise<number> {
  await site.endDaemon("SIGKILL");
  await site.startDaemon();
  await api.identify();
  return (await api.info()).pending;
}
