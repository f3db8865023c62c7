// Snapshots of a real Slurm cluster: jobs, drains and GPUs, and the behaviour without slurmctld.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type Cluster, ensureSlurmInstalled, startCluster } from "../../scripts/cluster/cluster.js";
import { suspend } from "../../scripts/cluster/processes/suspend.js";
import { until } from "../../scripts/cluster/until.js";
import { nowMs } from "../../src/clock.js";
import type { Cluster as ClusterPort } from "../../src/core/ports/cluster.js";
import type { Snapshot } from "../../src/model/slurm/snapshot.js";
import { runAsChild } from "../../src/processes/run.js";
import { createSlurmCluster } from "../../src/slurm/cluster.js";

/** Slurm schedules when it likes, and machines are busy: no test here is about speed. */
jest.setTimeout(120_000);

let folder: string;
let slurm: Cluster;
let port: ClusterPort;

beforeAll(async () => {
  await ensureSlurmInstalled();
  folder = mkdtempSync(join(tmpdir(), "snapshot-"));
  chmodSync(folder, 0o755); // Slurm's users must reach it
  slurm = await startCluster({ dir: join(folder, "c"), nodes: 3, gpusPerNode: 2 });
  port = portWith(30_000);
}, 300_000);
afterAll(async () => {
  await slurm?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const portWith = (commandTimeoutMs: number) =>
  createSlurmCluster({
    exclusivePartitions: [],
    slurmConf: slurm.slurmConf,
    binDirectory: null,
    commandTimeoutMs,
    runProgram: runAsChild,
    now: nowMs,
  });

async function submit(...args: string[]): Promise<number> {
  const { stdout, stderr } = await slurm.run("sbatch", ["--parsable", "-o", "/dev/null", ...args]);
  if (!/^\d+$/.test(stdout.trim())) throw new Error(stderr);
  return Number(stdout);
}

/** The first snapshot of which `holds` is true. */
const snapshotWith = (holds: (snapshot: Snapshot) => boolean): Promise<Snapshot> =>
  until(
    60_000,
    async () => {
      const snapshot = await port.readSnapshot();
      return holds(snapshot) ? snapshot : undefined;
    },
    () => new Error("no snapshot shows it"),
  );

const jobOf = (snapshot: Snapshot, id: number) => snapshot.jobs.find((job) => job.id === id);
const nodeOf = (snapshot: Snapshot, name: string) =>
  snapshot.nodes.find((node) => node.name === name);

describe("a snapshot of a real cluster", () => {
  test("has idle nodes, the partition and the facts", async () => {
    const snapshot = await port.readSnapshot();
    expect(snapshot.nodes.map((node) => node.name)).toEqual(["n1", "n2", "n3"]);
    expect(snapshot.nodes[0]).toMatchObject({
      baseState: "IDLE",
      flags: [],
      cores: 16,
      allocatedCores: 0,
      memoryMb: 32_000,
      allocatedMemoryMb: 0,
      gpuCount: 2,
      allocatedGpus: [],
      partitions: ["batch"],
    });
    expect(snapshot.partitions).toMatchObject([{ name: "batch", isDefault: true, state: "UP" }]);
    expect(snapshot.facts).toMatchObject({
      clusterName: "local",
      prologs: [],
      jobsArePinned: false,
      memoryIsConsumable: true,
      maxMemoryPerCoreMb: 2_000,
    });
    expect(snapshot.unreadable).toEqual([]);
    // scripts/test --slurm says which version the tests are meant to run on.
    expect(snapshot.facts.version).toContain(process.env.GLEANER_TEST_SLURM ?? "");
  });

  test("has a running job with a hostile name, its cores, memory, GPU and times", async () => {
    const name = "evil\n|@x@#7|7|RUNNING|16|1|n2|";
    const beforeMs = nowMs();
    const id = await submit(
      "-J",
      name,
      "-w",
      "n1",
      "-c3",
      "--mem=1500",
      "--gres=gpu:1",
      "-t",
      "5",
      "--wrap",
      "sleep 600",
    );
    const snapshot = await snapshotWith((each) => jobOf(each, id)?.state === "RUNNING");
    const job = jobOf(snapshot, id)!;
    expect(job).toMatchObject({ name, user: "root", partition: "batch", cores: 3, nodes: ["n1"] });
    // Slurm keeps whole seconds.
    expect(job.startAtMs!).toBeGreaterThan(beforeMs - 2_000);
    expect(job.startAtMs!).toBeLessThanOrEqual(nowMs() + 1_000);
    expect(job.endAtMs! - job.startAtMs!).toBe(300_000);
    const node = nodeOf(snapshot, "n1")!;
    expect(node).toMatchObject({ baseState: "MIXED", allocatedCores: 3, allocatedMemoryMb: 1_500 });
    expect(node.allocatedGpus.length).toBeGreaterThan(0);
    expect(snapshot.jobs.some((each) => each.id === 7)).toBe(false);
  });

  test("keeps the times and nodes of an ended job for the report", async () => {
    const id = await submit("-w", "n2", "--wrap", "true");
    const snapshot = await snapshotWith((each) => jobOf(each, id)?.state === "COMPLETED");
    const job = jobOf(snapshot, id)!;
    expect(job.nodes).toEqual(["n2"]);
    expect(job.endAtMs!).toBeGreaterThanOrEqual(job.startAtMs!);
  });

  test("has one job for a large waiting array", async () => {
    const id = await submit("--array=0-999", "-H", "--wrap", "true");
    const snapshot = await port.readSnapshot();
    expect(snapshot.jobs.filter((job) => job.id === id)).toMatchObject([
      { displayId: `${id}_[0-999]`, state: "PENDING" },
    ]);
    await slurm.run("scancel", [String(id)]);
  });

  test("has a drained node and its reason", async () => {
    const reason = "a fan is broken State=IDLE";
    const drained = "nodename=n3";
    await slurm.run("scontrol", ["update", drained, "state=drain", `reason=${reason}`]);
    const node = nodeOf(await port.readSnapshot(), "n3");
    expect(node).toMatchObject({ baseState: "IDLE", flags: ["DRAIN"] });
    expect(node!.reason).toContain(`${reason} [root@`);
    await slurm.run("scontrol", ["update", drained, "state=resume"]);
  });
});

describe("the load on slurmctld", () => {
  /** Calls of the kinds that reading makes, as slurmctld counts them. */
  async function counted(): Promise<number> {
    const { stdout } = await slurm.run("sdiag", []);
    const kinds =
      /REQUEST_(?:JOB|NODE|PARTITION|RESERVATION|BUILD|FED)_INFO(?:_SINGLE)?\s+\(\s*\d+\) count:(\d+)/g;
    const pings = /REQUEST_PING\s+\(\s*\d+\) count:(\d+)/g;
    const found = [...stdout.matchAll(kinds), ...stdout.matchAll(pings)];
    return found.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  test("is reported as slurmctld counts it", async () => {
    const fresh = portWith(30_000);
    const before = await counted();
    await fresh.readSnapshot();
    await fresh.readSnapshot();
    const asked = (await counted()) - before;
    const { stdout: version } = await slurm.run("sinfo", ["--version"]);
    if (version.includes(" 22.05")) expect(fresh.rpcCount()).toBe(asked);
    else expect(fresh.rpcCount()).toBeGreaterThanOrEqual(asked);
    expect(asked).toBeGreaterThan(0);
  });
});

describe("a slurmctld that does not answer", () => {
  test("leads to a command killed at its time limit, and later reads succeed", async () => {
    const pid = slurm.pids().slurmctld!;
    await suspend(pid);
    try {
      await expect(portWith(1_000).readSnapshot()).rejects.toMatchObject({
        code: "SLURM",
        message: expect.stringContaining("did not answer within 1000 ms"),
      });
    } finally {
      process.kill(pid, "SIGCONT");
    }
    expect((await port.readSnapshot()).nodes).toHaveLength(3);
  });

  test("leads to an error that quotes Slurm's message", async () => {
    await slurm.stopSlurmctld();
    try {
      await expect(port.readSnapshot()).rejects.toMatchObject({
        code: "SLURM",
        message: expect.stringContaining("Unable to contact slurm controller"),
      });
    } finally {
      await slurm.startSlurmctld();
    }
  });
});
