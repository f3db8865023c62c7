// What jobs get from Slurm, and what functions leave them, while gleanerd is stopped: generated
// requests on real Slurm.

import { readdirSync, readFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { suspend } from "../../../scripts/cluster/processes/suspend.js";
import { type Random, seeded } from "../../../src/sim/random.js";
import { type TestSite, testSite, user } from "../../support/site/site.js";

jest.setTimeout(600_000);
/** Another seed, or more requests: GLEANER_TEST_SEED=7 GLEANER_TEST_REQUESTS=100. */
const seed = Number(process.env.GLEANER_TEST_SEED ?? 1);
const requestCount = Number(process.env.GLEANER_TEST_REQUESTS ?? 8);
const cpus = 8;
const memoryMb = 8_000;
const marginMb = 100;
const functionMb = 900;
/** No other test on this machine sleeps exactly so long. */
const seconds = 300_000 + process.pid;

let at: TestSite;
const nodes = ["n1", "n2"] as const;
type NodeName = (typeof nodes)[number];

interface Share {
  readonly cpus: number;
  readonly memoryMb: number;
}

/** By Slurm's own record of the node. */
async function allocated(node: NodeName): Promise<Share> {
  const { stdout } = await at.site.cluster.run("scontrol", ["-o", "-d", "show", "node", node]);
  const number = (key: string) => Number(new RegExp(` ${key}=(\\d+)`).exec(stdout)![1]);
  return { cpus: number("CPUAlloc"), memoryMb: number("AllocMem") };
}

/** Functions whose processes are there, by node: from /proc alone. */
function functionsLeft(): Record<NodeName, number> {
  const left = { n1: 0, n2: 0 };
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, "latin1") !== `sleep\0${seconds}\0`) continue;
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
      left[/(?:^|\0)GLEANER_NODE=(n\d)\0/.exec(environment)![1] as NodeName]++;
    } catch {
      // It ended meanwhile.
    }
  return left;
}

async function filled(): Promise<void> {
  await at.until("functions on all CPUs", async () => {
    const left = functionsLeft();
    return left.n1 === cpus && left.n2 === cpus ? true : undefined;
  });
}

/** The number of functions at the job's first instruction. The pattern does not match itself. */
const pattern = `[${String(seconds)[0]}]${String(seconds).slice(1)}`;
const firstInstruction = `grep -lzx '${pattern}' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; sleep 600`;

/**
 * Submits while gleanerd is stopped; returns the expected resources, or null if Slurm does not
 * start it.
 */
async function startJob(request: readonly string[], name: string): Promise<number | null> {
  const wrap = `--wrap=${firstInstruction}`;
  const args = ["--parsable", "-o", name, ...request];
  const { stdout, exitCode } = await at.site.cluster.run("sbatch", [...args, wrap]);
  if (exitCode !== 0) return null;
  const id = Number(/^\d+/m.exec(stdout)![0]);
  const state = await at.until(`job ${id} to start or to be refused`, async () => {
    const reasons = await at.site.cluster.run("squeue", ["-h", "-j", String(id), "-o", "%T %r"]);
    const [line = ""] = reasons.stdout.trim().split("\n");
    if (line.startsWith("RUNNING")) return "RUNNING";
    const never = /PENDING (?!None|Resources|Priority|Prolog)/;
    return line === "" || never.test(line) ? "refused" : undefined;
  });
  return state === "RUNNING" ? id : null;
}

/** One request from its start to what comes back; false: Slurm did not start it. */
async function check(request: readonly string[], name: string): Promise<boolean> {
  await filled();
  const executors = await Promise.all(nodes.map(async (each) => (await at.node(each)).executor));
  expect(executors.map((each) => each?.state)).toEqual(["ready", "ready"]);
  await suspend(at.site.daemonPid);
  let id: number | null = null;
  try {
    id = await startJob(request, name);
    if (id !== null) await expectRoom(request, name);
  } finally {
    process.kill(at.site.daemonPid, "SIGCONT");
  }
  if (id === null) return false;
  await expectRest(request);
  return true;
}

async function expectRoom(request: readonly string[], name: string): Promise<void> {
  const early = Number(await at.text(name));
  const left = functionsLeft();
  const shares = { n1: await allocated("n1"), n2: await allocated("n2") };
  const seen = { request: request.join(" "), left, shares };
  for (const node of nodes) {
    const share = shares[node];
    const most = Math.min(cpus - share.cpus, Math.floor((memoryMb - share.memoryMb) / functionMb));
    if (left[node] > most)
      throw new Error(`${left[node]} functions on ${node}: ${JSON.stringify(seen)}`);
  }
  // Nothing starts while gleanerd is stopped. A job on several nodes has other prologs, which may
  // come later.
  const isOnOne = !request.includes("-N2") && !request.includes(":");
  if (isOnOne) expect({ ...seen, early }).toEqual({ ...seen, early: left.n1 + left.n2 });
}

/** Once gleanerd sees the job, functions may use all that it did not get. */
async function expectRest(request: readonly string[]): Promise<void> {
  // Its node is left alone: nobody else's jobs may run there.
  if (request.includes("--exclusive=user")) return;
  for (const node of nodes) {
    const share = await allocated(node);
    const free = { cores: cpus - share.cpus, memoryMb: memoryMb - marginMb - share.memoryMb };
    if (free.cores === 0 || free.memoryMb < 64) continue;
    await at.until(`what ${request.join(" ")} leaves on ${node}`, async () => {
      const budget = (await at.node(node)).executor?.budget;
      return budget?.cores === free.cores && budget.memoryMb === free.memoryMb ? true : undefined;
    });
  }
}

function picker(random: Random) {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  const maybe = (share: number, of: readonly string[]): string[] =>
    random() < share ? [pick(of)] : [];
  return { pick, maybe };
}

/** Options that decide what a job gets, in any mixture. */
function cpuRequest({ pick, maybe }: ReturnType<typeof picker>): string[] {
  const size = pick([["-n1"], ["-n2"], ["-n3"], ["-n4"], ["-n1", "-c2"], ["-n2", "-c2"], ["-n5"]]);
  return [
    ...size,
    ...maybe(0.5, ["--mem=300", "--mem=2500", "--mem=5000", "--mem=0", "--mem-per-cpu=700"]),
    ...maybe(0.5, [
      "--hint=nomultithread",
      "--hint=compute_bound",
      "--hint=memory_bound",
      "--threads-per-core=1",
      "--cores-per-socket=2",
      "--ntasks-per-core=1",
      "-B1:2:1",
    ]),
    ...maybe(0.3, ["--exclusive", "--exclusive=user", "-O", "--mincpus=4", "-S1", "-pwhole"]),
  ];
}

function anyRequest(choose: ReturnType<typeof picker>, gres: readonly string[]): string[] {
  const { pick, maybe } = choose;
  const one = () => [...cpuRequest(choose), ...maybe(gres.length === 0 ? 0 : 0.7, gres)];
  switch (pick(["one", "one", "one", "two", "het"])) {
    case "two":
      return ["-N2", ...one()];
    case "het":
      return ["-wn1", ...one(), ":", "-wn2", ...one()];
    default:
      return ["-wn1", ...one()];
  }
}

const gpuOptions = [
  "--gres=gpu:1",
  "--gres=gpu:2",
  "--gpus-per-node=1",
  "--gpus-per-task=1",
  "--gres=shard:3",
  "--mem-per-gpu=2500",
];

describe.each([
  {
    where: "nodes without generic resources",
    gres: [],
    site: {},
    fixed: [
      "-wn1 -n4 --hint=nomultithread",
      "-wn1 -n2 --threads-per-core=1 --mem-per-cpu=1000",
      "-wn1 --exclusive --hint=nomultithread",
      "-wn1 -n1 -pwhole --hint=nomultithread",
      "-wn1 -n8 -O --mem=7000",
    ],
  },
  {
    where: "nodes whose GPUs are shared",
    gres: gpuOptions,
    site: { gpusPerNode: 4, shardsPerNode: 16 },
    fixed: [
      "-wn1 -n1 --gres=gpu:1 --mem=5000",
      "-wn1 -n1 --gres=gpu:1 --mem=0",
      "-wn1 -n1 --gpus=2 --mem-per-gpu=3000",
      "-wn1 -n1 --gres=shard:2 --mem=5000",
    ],
  },
])("on $where", ({ where, gres, site, fixed }) => {
  beforeAll(async () => {
    at = await testSite({
      nodes: 2,
      cpus,
      threadsPerCore: 2,
      memoryMb,
      ...site,
      config: { placement: { memoryMarginMb: marginMb }, executor: { orphanMs: 300_000 } },
      partitionLines: [
        "PartitionName=batch Nodes=ALL Default=YES",
        "PartitionName=whole Nodes=ALL OverSubscribe=EXCLUSIVE",
      ],
    });
    // A busy machine may take this long, and no executor is to be killed for that.
    await appendFile(at.site.files.program("hook.conf"), "answerMs=20000\ndeadlineMs=40000\n");
    const options = [`--mem=${functionMb}M`, "-o", "/dev/null", "-t", "50", "--array=0-999"];
    await at.submit([...options, `--wrap=exec sleep ${seconds}`]);
  });
  afterEach(async () => {
    await at.site.cluster.run("scancel", ["-u", "root"]);
  });
  afterAll(async () => {
    await at?.site.glean(["cancel", "-u", user], { user: "root" });
    await at?.site.stop();
  });

  test.each(fixed)("no function stays on the resources of the job: %s", async (request) => {
    expect(await check(request.split(" "), `fixed-${fixed.indexOf(request)}`)).toBe(true);
  });

  test(`${requestCount} generated requests of seed ${seed} break no bound`, async () => {
    const choose = picker(seeded(seed * 2 + where.length));
    let started = 0;
    for (let round = 0; started < requestCount && round < 4 * requestCount; round++) {
      if (await check(anyRequest(choose, gres), `job-${round}`)) started++;
      await at.site.cluster.run("scancel", ["-u", "root"]);
    }
    expect(started).toBe(requestCount);
  });
});
