// Measures no-op work per second, end to end, in turn with others on the same processors: commands
// beside xargs and sbatch --array, maps of functions beside BullMQ, Gearman, HyperQueue, Dask,
// Parsl and Ray. [--functions N] [--tasks N] [--calls N] [--jobs N] [--rounds N] [--alone N]
// [--nodes N] [--cores N]

import { join } from "node:path";
import { type Cluster, startCluster } from "../../cluster/cluster.js";
import { Api } from "../lib/api.js";
import type { Driver } from "../lib/driver.js";
import { benchmark, countsOf, median, rounded, say } from "../lib/harness.js";
import { Calls } from "./calls.js";
import { timeOfArray, timeOfExec, timeOfXargs } from "./commands.js";
import { barsOf, callFigures, Rounds, type Subject, warmUp } from "./figures.js";
import { allReady, startClient } from "./gleaner.js";
import { Peers, peers } from "./peers.js";

/** The machine's processors: every peer has as many workers, and so has Gleaner. */
const workers = 2;
const counts = countsOf({
  ...{ functions: 1_000, tasks: 2_000, calls: 300, jobs: 100, rounds: 3, alone: 20 },
  ...{ nodes: 2, cores: 1 },
});
const slots = counts.nodes * counts.cores;

await benchmark({ nodes: counts.nodes, cpus: counts.cores }, async (site) => {
  const api = new Api(site);
  await api.identify();
  await allReady(api, counts.nodes);
  const client = await startClient(site);
  const others = new Peers();
  let slurm: Cluster | null = null;
  try {
    await others.start(join(site.cluster.dir, "peers"), workers);
    const bare = { dir: join(site.cluster.dir, "bare"), nodes: counts.nodes, cpus: counts.cores };
    slurm = await startCluster(bare);
    const aloneMs: number[] = [];
    for (let run = 0; run < counts.alone; run++) aloneMs.push(await timeOfExec(api, null));
    say(`a single command, from submission to its end: ${rounded(median(aloneMs))} ms`);
    const calls = new Calls(client, counts.calls, slots);
    const subjects = [...commands(api, slurm), ...functions(client, others), calls.subject];
    await warmUp(subjects.filter(({ name }) => name !== "sbatchArray"));
    calls.tookMs.length = 0;
    const rounds = new Rounds();
    for (let round = 1; round <= counts.rounds; round++) {
      await api.identify(); // a token is for a few minutes
      await rounds.add(subjects);
      await calls.oneByOne();
      say(`round ${round}, tasks per second so far: ${rounds.summary}`);
    }
    return resultOf(rounds, { aloneMs: rounded(median(aloneMs)), calls, others });
  } finally {
    api.close();
    await Promise.all([client.stop(), others.stop()]);
    await slurm?.stop();
  }
});

function commands(api: Api, slurm: Cluster): Subject[] {
  const { functions: tasks, jobs } = counts;
  return [
    { name: "xargs", tasks, run: () => timeOfXargs(tasks) },
    { name: "exec", tasks, run: () => timeOfExec(api, tasks) },
    { name: "sbatchArray", tasks: jobs, run: () => timeOfArray(slurm, jobs) },
  ];
}

/** Each of Gleaner's maps stands beside the peers that it is compared with. */
function functions(client: Driver, others: Peers): Subject[] {
  const { tasks } = counts;
  const elapsed = async (driver: Driver, asked: object) => (await driver.ask(asked)).elapsedMs;
  const map = (name: string, runtime: string): Subject => ({
    name,
    tasks,
    run: () => elapsed(client, { map: `noop-${runtime}`, tasks }),
  });
  const peer = ([name, driver]: [string, Driver]): Subject => ({
    name,
    tasks,
    run: () => elapsed(driver, { tasks }),
  });
  const isPythons = ([name]: [string, Driver]) => ["dask", "parsl", "ray"].includes(name);
  const running = [...others.running];
  return [
    map("map", "node"),
    ...running.filter((each) => !isPythons(each)).map(peer),
    map("pythonMap", "python"),
    ...running.filter(isPythons).map(peer),
  ];
}

function resultOf(
  rounds: Rounds,
  { aloneMs, calls, others }: { aloneMs: number; calls: Calls; others: Peers },
) {
  const of = (name: string) => ({ perSecond: rounds.perSecond(name) });
  const peerFigures = Object.entries(peers).map(([name, { durable }]) => [
    name,
    others.absent.get(name) ?? { ...of(name), durable },
  ]);
  return {
    exec: {
      ...of("exec"),
      xargsPerSecond: rounds.perSecond("xargs"),
      ratio: rounds.ratio("exec", "xargs"),
      aloneMs,
    },
    sbatchArray: of("sbatchArray"),
    call: callFigures(rounds.perSecond("call"), calls.tookMs),
    map: of("map"),
    python: { mapPerSecond: rounds.perSecond("pythonMap") },
    peers: Object.fromEntries(peerFigures),
    cores: slots,
    ...barsOf(rounds),
  };
}
