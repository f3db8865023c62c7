// The local Slurm cluster: several clusters at once, jobs of other users, and nothing left running
// however it ends.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Cluster, ensureSlurmInstalled, startCluster } from "../../scripts/cluster/cluster.js";
import { clusterFolder } from "../../scripts/cluster/folder.js";
import { isGone } from "../../scripts/cluster/processes/gone.js";
import { findProcesses } from "../../scripts/cluster/processes/processes.js";
import { until } from "../../scripts/cluster/until.js";

const DEADLINE_MS = 60_000;
const repository = fileURLToPath(new URL("../..", import.meta.url));
const newDir = () => mkdtempSync(join(tmpdir(), "gleaner-cluster-"));

/**
 * Command lines of all processes that name the folder: an independent check, not the cluster's own
 * search.
 */
async function namedProcesses(dir: string): Promise<string[]> {
  const child = spawn("ps", ["-eww", "-o", "pid=,args=", "e"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  await once(child, "close");
  return text.split("\n").filter((line) => line.includes(dir));
}

async function untilGone(dir: string): Promise<void> {
  let left: string[] = [];
  await until(
    DEADLINE_MS,
    async () => {
      left = await namedProcesses(dir);
      return left.length === 0 && !existsSync(dir) ? true : undefined;
    },
    () => new Error(`still there: ${dir}\n${left.join("\n")}`),
  );
}

async function untilTrue(what: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  await until(
    DEADLINE_MS,
    async () => ((await probe()) ? true : undefined),
    () => new Error(what),
  );
}

/**
 * Submits a job that sleeps in its own process without any environment, and waits until it runs.
 */
async function startSleeper(cluster: Cluster): Promise<void> {
  const script = "env -i setsid sleep 987 & wait";
  const submitted = await cluster.run("sbatch", ["--parsable", `--wrap=${script}`]);
  expect(submitted.exitCode).toBe(0);
  await untilTrue("the job does not run", () =>
    findProcesses(clusterFolder(cluster.dir)).some(({ args }) => args.includes("987")),
  );
}

/** A process that starts a cluster and then waits to be killed; resolves when its cluster is up. */
async function startStarter(dir: string): Promise<ChildProcess> {
  const module = join(repository, "scripts/cluster/cluster.ts");
  const program =
    `const { startCluster } = await import(${JSON.stringify(module)});` +
    `await startCluster({ dir: ${JSON.stringify(dir)}, nodes: 2 });` +
    `console.log("up"); setInterval(() => {}, 1000);`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", program],
    { cwd: repository, stdio: ["ignore", "pipe", "inherit"] },
  );
  const [said] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  expect(String(said)).toBe("up\n");
  return child;
}

beforeAll(ensureSlurmInstalled, 600_000);

describe("two clusters side by side", () => {
  let clusters: Cluster[] = [];

  beforeAll(async () => {
    const options = { nodes: 2, cpus: 4, memoryMb: 4000, gpusPerNode: 2 };
    clusters = await Promise.all(
      [newDir(), newDir()].map((dir) => startCluster({ dir, ...options })),
    );
  }, 2 * DEADLINE_MS);

  afterAll(async () => {
    for (const cluster of clusters) await cluster.stop();
  }, DEADLINE_MS);

  test(
    "each runs jobs on its own nodes only",
    async () => {
      const hosts = await Promise.all(
        clusters.map((cluster) => cluster.run("srun", ["-N2", "printenv", "SLURM_CONF"])),
      );
      hosts.forEach(({ stdout }, index) => {
        const conf = clusters[index]?.slurmConf;
        expect(stdout).toBe(`${conf}\n${conf}\n`);
      });
    },
    DEADLINE_MS,
  );

  test(
    "a user's job runs as the user, who cannot read the munge key",
    async () => {
      const [cluster] = clusters as [Cluster];
      const job = await cluster.run("sbatch", ["-W", "-o", "who.txt", "--wrap=id -un"], {
        user: "daemon",
      });
      expect(job).toMatchObject({ exitCode: 0 });
      expect(readFileSync(join(cluster.dir, "work/who.txt"), "utf8")).toBe("daemon\n");
      const key = await cluster.run("cat", [join(cluster.dir, "munge/key")], { user: "daemon" });
      expect(key.exitCode).not.toBe(0);
      expect(statSync(cluster.mungeSocket).isSocket()).toBe(true);
    },
    DEADLINE_MS,
  );

  test(
    "reports GPUs by index",
    async () => {
      const [cluster] = clusters as [Cluster];
      const { stdout } = await cluster.run("srun", [
        "--gres=gpu:2",
        "printenv",
        "CUDA_VISIBLE_DEVICES",
      ]);
      expect(stdout).toBe("0,1\n");
    },
    DEADLINE_MS,
  );

  test(
    "slurmctld still knows its jobs after a restart",
    async () => {
      const [cluster] = clusters as [Cluster];
      const { stdout: id } = await cluster.run("sbatch", ["--parsable", "--hold", "--wrap=true"]);
      const before = cluster.pids().slurmctld;
      await cluster.stopSlurmctld();
      expect(cluster.pids().slurmctld).toBeUndefined();
      expect((await cluster.run("scontrol", ["ping"])).exitCode).not.toBe(0);
      await cluster.startSlurmctld();
      expect(cluster.pids().slurmctld).not.toBe(before);
      expect((await cluster.run("squeue", ["-h", "-o", "%i"])).stdout).toBe(id);
      await cluster.run("scancel", [id.trim()]);
    },
    2 * DEADLINE_MS,
  );

  test(
    "a node can be stopped and restarted",
    async () => {
      const [cluster] = clusters as [Cluster];
      const before = cluster.pids().slurmd;
      await cluster.stopNode("n2");
      expect(cluster.pids().slurmd).toEqual({ n1: before.n1 });
      await cluster.startNode("n2");
      expect(cluster.pids().slurmd.n2).not.toBe(before.n2);
      expect((await cluster.run("srun", ["-w", "n2", "true"])).exitCode).toBe(0);
    },
    2 * DEADLINE_MS,
  );

  test(
    "stop leaves no process and no folder, and does not affect the other cluster",
    async () => {
      const [first, second] = clusters as [Cluster, Cluster];
      await startSleeper(first);
      const sleeper = findProcesses(clusterFolder(first.dir)).find(({ args }) =>
        args.includes("987"),
      );
      expect(sleeper).toBeDefined();
      await first.stop();
      expect(await namedProcesses(first.dir)).toEqual([]);
      expect(existsSync(first.dir)).toBe(false);
      expect(isGone(sleeper!.pid)).toBe(true);
      await first.stop();
      expect((await second.run("srun", ["-N2", "true"])).exitCode).toBe(0);
    },
    2 * DEADLINE_MS,
  );
});

describe("the end of the starter", () => {
  test.each(["SIGKILL", "SIGINT"] as const)(
    "%s leaves nothing running",
    async (signal) => {
      const dir = newDir();
      const starter = await startStarter(dir);
      expect((await namedProcesses(dir)).length).toBeGreaterThanOrEqual(5);
      starter.kill(signal);
      await untilGone(dir);
    },
    3 * DEADLINE_MS,
  );

  test(
    "leaves a kept cluster running until the command line stops it",
    async () => {
      const dir = newDir();
      const main = (command: string, ...more: string[]) =>
        once(
          spawn(
            process.execPath,
            ["--import", "tsx", "scripts/cluster/main.ts", command, "--dir", dir, ...more],
            { cwd: repository, stdio: "ignore" },
          ),
          "exit",
        );
      expect(await main("start", "--nodes", "2")).toEqual([0, null]);
      expect(await main("status")).toEqual([0, null]);
      expect(await main("start", "--nodes", "2")).toEqual([1, null]); // the folder is taken
      expect(await main("status")).toEqual([0, null]);
      expect(await main("stop")).toEqual([0, null]);
      await untilGone(dir);
    },
    4 * DEADLINE_MS,
  );
});

test(
  "a cluster that fails to start says why and leaves nothing behind",
  async () => {
    const dir = newDir();
    const start = startCluster({ dir, nodes: 1, slurmConfLines: ["SelectType=select/nonsense"] });
    await expect(start).rejects.toThrow(
      /slurmctld ended with exit status 1(.|\n)*select\/nonsense/,
    );
    expect(await namedProcesses(dir)).toEqual([]);
    expect(existsSync(dir)).toBe(false);
  },
  DEADLINE_MS,
);
