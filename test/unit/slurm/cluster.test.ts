// The Cluster port with stand-ins for Slurm's programs: which commands run when, and which errors
// their failures become.

import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Cluster } from "../../../src/core/ports/cluster.js";
import { runAsChild } from "../../../src/processes/run.js";
import { createSlurmCluster } from "../../../src/slurm/cluster.js";

const recorded = fileURLToPath(new URL("recorded/24.11", import.meta.url));
let folder: string;
let clockMs: number;
let cluster: Cluster;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slurm-cluster-"));
  writeFileSync(join(folder, "log"), "");
  clockMs = 1_000_000;
  program(
    "squeue",
    `sed "s/@recordedmark@/$(echo "$SQUEUE_FORMAT" | cut -d# -f1)/g" ${recorded}/squeue.txt`,
  );
  program(
    "scontrol",
    `case "$*" in
      *partition) cat ${recorded}/partitions.txt ;;
      *reservation) cat ${recorded}/reservations.txt ;;
      *config) cat ${recorded}/config.txt ;;
      *"show node") cat ${recorded}/nodes.txt ;;
    esac`,
  );
  cluster = createSlurmCluster({
    exclusivePartitions: [],
    slurmConf: null,
    binDirectory: folder,
    commandTimeoutMs: 60_000,
    runProgram: runAsChild,
    // Every look at the clock takes a millisecond, so that the order of the looks shows.
    now: () => clockMs++,
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A stand-in that notes how it was called. */
const program = (name: string, body: string) =>
  writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} $*" >> ${folder}/log\n${body}\n`, {
    mode: 0o755,
  });
const calls = () => readFileSync(join(folder, "log"), "utf8").trim().split("\n");

const queueCall = "squeue -h -a --local --noconvert -t all";
const nodesCall = "scontrol -o -d -a show node";
/** One node there has GPUs of which Slurm reports only how many are taken: its jobs are queried. */
const sharesCall = "scontrol -o -d -a";
const rareCalls = [
  "scontrol -o -a show partition",
  "scontrol -o -a show reservation",
  "scontrol show config",
];

describe("readSnapshot", () => {
  test("contains the output of the commands; the queue is read before the nodes", async () => {
    const snapshot = await cluster.readSnapshot();
    expect(calls()).toEqual([...rareCalls, queueCall, nodesCall, sharesCall]);
    expect(snapshot.nodes).toHaveLength(8);
    expect(snapshot.jobs).toHaveLength(16);
    expect(snapshot.partitions).toHaveLength(4);
    expect(snapshot.reservations).toHaveLength(3);
    expect(snapshot.facts.clusterName).toBe("recorded");
    expect(snapshot.unreadable).toEqual([]);
    expect(snapshot.jobsAskedAtMs).toBeLessThan(snapshot.nodesAskedAtMs);
    expect(snapshot.nodesAskedAtMs).toBeLessThan(snapshot.nodesReadAtMs);
  });

  test("runs two commands, one for new jobs' shares, and the rare ones again after a minute", async () => {
    await cluster.readSnapshot();
    clockMs += 59_000;
    await cluster.readSnapshot();
    expect(calls().slice(6)).toEqual([queueCall, nodesCall, sharesCall]);
    clockMs += 2_000;
    await cluster.readSnapshot();
    expect(calls().slice(9)).toEqual([...rareCalls, queueCall, nodesCall, sharesCall]);
    expect(cluster.commandCount()).toBe(15);
    expect(cluster.rpcCount()).toBe(3 * 4 + 2 * 4 + 3 * 3 * 3);
  });

  test("reads reservations again at once when other nodes are reserved than before", async () => {
    const [nodes, scontrol] = [join(folder, "nodes"), join(folder, "scontrol")];
    const text = readFileSync(scontrol, "utf8");
    writeFileSync(scontrol, text.replace(`${recorded}/nodes.txt`, nodes));
    const record = readFileSync(join(recorded, "nodes.txt"), "utf8").split("\n")[0]!;
    const callsWith = async (state: string) => {
      writeFileSync(nodes, record.replace(/ State=\S+/, ` State=${state}`));
      writeFileSync(join(folder, "log"), "");
      await cluster.readSnapshot();
      return calls().filter((call) => rareCalls.includes(call));
    };
    expect(await callsWith("IDLE+RESERVED")).toEqual(rareCalls);
    expect(await callsWith("IDLE+RESERVED")).toEqual([]);
    expect(await callsWith("MIXED+RESERVED+PLANNED")).toEqual([]);
    expect(await callsWith("IDLE+MAINT+RESERVED")).toEqual(rareCalls);
    expect(await callsWith("IDLE")).toEqual(rareCalls);
    expect(await callsWith("IDLE+DRAIN")).toEqual([]);
  });

  test("uses a new mark for each read of the queue", async () => {
    program("squeue", `echo "$SQUEUE_FORMAT" >> ${folder}/formats`);
    await cluster.readSnapshot();
    await cluster.readSnapshot();
    const [first, second] = readFileSync(join(folder, "formats"), "utf8").split("\n");
    expect(first).toMatch(/^@[A-Za-z0-9_-]{12}@#%A\|/);
    expect(second).not.toBe(first);
  });

  test("reports unreadable lines, bounded over all commands", async () => {
    appendFileSync(join(folder, "scontrol"), "for i in $(seq 30); do echo broken $i; done\n");
    const { unreadable, nodes } = await cluster.readSnapshot();
    expect(unreadable).toHaveLength(20);
    expect(nodes).toHaveLength(8);
  });

  test("reports a failing command in one sentence and runs it again for the next snapshot", async () => {
    program("squeue", "echo 'slurm_load_jobs error: Unable to contact' >&2; exit 1");
    await expect(cluster.readSnapshot()).rejects.toMatchObject({
      code: "SLURM",
      message:
        "squeue failed with exit status 1 (slurm_load_jobs error: Unable to contact): check that slurmctld is up (scontrol ping)",
    });
    await expect(cluster.readSnapshot()).rejects.toMatchObject({ code: "SLURM" });
    expect(calls()).toEqual([...rareCalls, queueCall, queueCall]);
  });
});
