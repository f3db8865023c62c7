// Measures an array of a million tasks from end to end, over a kill -9 of gleanerd while it runs:
// [--tasks N].

import { Api } from "./lib/api.js";
import { benchmark, countsOf, say } from "./lib/harness.js";
import { memoryOf, timed } from "./lib/measures.js";

/** Enough for executors to start and to run some tasks, also on a busy machine. */
const runMs = 20_000;
const pageSize = 1_000;
const bars = { memoryMb: 600, newestMs: 1_000 };
const counts = countsOf({ tasks: 1_000_000 });

await benchmark({ nodes: 2, cpus: 16 }, async (site) => {
  const api = new Api(site);
  await api.identify();
  const { ms: acceptMs, value: array } = await timed(() => api.submitTrue(counts.tasks));
  say(`accepted in ${acceptMs} ms`);
  await new Promise((resolve) => setTimeout(resolve, runMs));
  const newestMs = await newestPage(api, array.id);
  const before = await api.info();
  const memoryMb = memoryOf(site);
  await site.endDaemon("SIGKILL");
  say(`killed with ${before.running} running and ${before.pending} waiting, ${memoryMb} MB`);
  const { ms: restartMs } = await timed(() => site.startDaemon());
  await api.identify();
  const { pending, running } = await api.info();
  const ended = counts.tasks - pending - running;
  if (ended < counts.tasks - before.pending - before.running)
    throw new Error(`${pending + running} are live after the kill: ended tasks wait again`);
  say(`restarted in ${restartMs} ms: ${pending} wait`);
  const { ms: cancelMs, value: answer } = await timed(() => api.cancel([String(array.id)]));
  const figures = { tasks: counts.tasks, acceptMs, newestMs, restartMs, cancelMs };
  const restartedMb = memoryOf(site);
  api.close();
  return {
    ...figures,
    ...{ memoryMb, restartedMb, endedBeforeTheCancel: ended, cancelled: answer.cancelled },
    meetsBars: Math.max(memoryMb, restartedMb) <= bars.memoryMb && newestMs <= bars.newestMs,
  };
});

/** The time of the slower one of the first two pages; throws if the newest task is not there. */
async function newestPage(api: Api, id: number): Promise<number> {
  const first = await timed(() => api.newest(pageSize));
  const [newest] = first.value.invocations;
  if (newest?.id !== id + counts.tasks - 1) throw new Error("the list hides the newest task");
  const last = first.value.invocations.at(-1)!.id;
  const second = await timed(() => api.newest(pageSize, last));
  if (second.value.invocations[0]?.id !== last - 1) throw new Error("the pages have a gap");
  return Math.max(first.ms, second.ms);
}
