// No harm with the SPANK plugin: slurm.conf names none of our programs, and batch jobs still find
// no function.

import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isGone } from "../../../scripts/cluster/processes/gone.js";
import { suspend } from "../../../scripts/cluster/processes/suspend.js";
import { type TestSite, testSite } from "../../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;
let witness: string;

beforeAll(async () => {
  at = await testSite({
    nodes: 2,
    cpus: 8,
    memoryMb: 16_000,
    gpusPerNode: 4,
    gpuTypes: ["a100", "k80"],
    hook: "spank",
    // Where memory counts, a job on a node with GPUs may have all of it, whatever its cores.
    slurmConfLines: ["SelectTypeParameters=CR_Core"],
  });
  witness = join(at.site.files.programs, "witness");
  execFileSync("gcc", ["-O2", "-o", witness, "scripts/demonstration/witness.c"]);
});
afterAll(() => at?.site.stop());

const ready = (node: string) =>
  at.until(
    `an executor on ${node}`,
    async () => (await at.node(node)).executor?.state === "ready" || undefined,
  );

/** Resolves when functions have begun on all cores. */
async function fill(): Promise<string> {
  const what = ["--mem=100M", "-o", "%A_%a.up", "--wrap=echo up; exec sleep 600"];
  const array = await at.submit(["-a", "0-39", "-c", "1", ...what]);
  const isUp = (name: string) =>
    name.startsWith(`${array}_`) && statSync(join(at.work, name)).size > 0;
  await at.until("functions on all cores", () =>
    readdirSync(at.work).filter(isUp).length >= 16 ? true : undefined,
  );
  return array;
}

/** What the first instruction of a job sees on its node: marks, and cores of functions and jobs. */
async function look(args: string[], runSeconds = 1) {
  const marks = join(at.site.files.run, "n1", "jobs");
  const id = await at.sbatch([
    "--output=/dev/null",
    "--nodelist=n1",
    ...args,
    `--wrap=${witness} ${at.work} 8 && sleep ${runSeconds}`,
  ]);
  const [, functionCores, jobCores] = (await at.text(`${id}.n1`)).split(" ").map(Number);
  return { id, functionCores, jobCores, marks: readdirSync(marks) };
}

test("slurm.conf names no program of Gleaner", async () => {
  const { stdout } = await at.site.cluster.run("scontrol", ["show", "config"]);
  // 22.05 prints `Prolog = (null)`, 24.11 no line at all.
  expect(stdout).toMatch(/^PrologFlags +=\s*Alloc$/m);
  expect(stdout).not.toMatch(/^(Prolog|Epilog)(\[\d+\])? +=\s*\//m);
});

test("a batch job on a fully harvested node finds no function there; its epilog opens the hole again", async () => {
  const array = await fill();
  const seen = await look(["-n", "8", "--gres=gpu:a100:2"]);
  expect(seen).toMatchObject({ functionCores: 0, jobCores: 8, marks: [`${seen.id}.8.0,1`] });
  expect(await at.jobEnded(seen.id)).toBe("COMPLETED");
  await at.until("the mark's end", () => {
    return readdirSync(join(at.site.files.run, "n1", "jobs")).length === 0 || undefined;
  });
  await ready("n1");
  await at.site.gleanOrThrow(["cancel", array], { user: "nobody" });
  await at.ended(array);
});

test("a job on a part of a node leaves the rest to functions of the same executor", async () => {
  const array = await fill();
  const before = (await at.node("n1")).executor!.id;
  const seen = await look(["-c", "3", "--mem=3000", "--gres=gpu:a100:1"], 3);
  expect(seen).toMatchObject({ functionCores: 5, jobCores: 3, marks: [`${seen.id}.3.0`] });
  expect((await at.executorUsing(5, "n1")).id).toBe(before);
  expect(await at.jobEnded(seen.id)).toBe("COMPLETED");
  await at.usedCores(8, "n1");
  await at.site.gleanOrThrow(["cancel", array], { user: "nobody" });
  await at.ended(array);
});

test("functions keep no GPU of a job that has GPUs of several types, although its prolog is told those of one", async () => {
  const wrap = "--wrap=echo up; exec sleep 600";
  const options = ["-c", "1", "--gpus=1", "--mem=100M", "-o", "%A_%a.gpu"];
  const array = await at.submit(["-a", "0-7", ...options, wrap]);
  await at.until("functions on all GPUs", () => {
    const outputs = readdirSync(at.work).filter((name) => name.endsWith(".gpu"));
    return (
      outputs.filter((name) => statSync(join(at.work, name)).size > 0).length === 8 || undefined
    );
  });
  await suspend(at.site.daemonPid);
  try {
    const seen = await look(["-n", "1", "--gpus=a100:1,k80:1"]);
    expect(seen).toMatchObject({ functionCores: 0, jobCores: 1, marks: [`${seen.id}.1.2`] });
    expect(await at.jobEnded(seen.id)).toBe("COMPLETED");
  } finally {
    process.kill(at.site.daemonPid, "SIGCONT");
  }
  await at.site.gleanOrThrow(["cancel", array], { user: "nobody" });
  await at.ended(array);
});

test("a stopped executor is killed by the plugin, and the node stays in service", async () => {
  const array = await fill();
  const pid = at.executorPid("n1");
  await suspend(pid);
  const seen = await look(["--exclusive"]);
  expect(seen.functionCores).toBe(0);
  expect(isGone(pid)).toBe(true);
  expect(await at.jobEnded(seen.id)).toBe("COMPLETED");
  const { stdout } = await at.site.cluster.run("sinfo", ["-h", "-n", "n1", "-o", "%T"]);
  expect(stdout).not.toMatch(/drain|down/);
  await at.site.gleanOrThrow(["cancel", array], { user: "nobody" });
  await at.ended(array);
});

test("a node is used only while plugstack.conf lists the plugin and slurmd has loaded this very file", async () => {
  const { files, cluster } = at.site;
  const plugin = files.program("gleaner.so");
  const lines = readFileSync(files.pluginStack, "utf8");
  await at.site.gleanOrThrow(["drain", "n[1-2]", "--now"]);
  await at.until("no executor", async () => {
    const { nodes } = await at.info();
    return nodes.every(({ executor }) => executor === null) || undefined;
  });
  const reason = (node: string) => async () => {
    const { stdout } = await at.site.glean(["doctor"]);
    return stdout
      .split("\n")
      .find((line) => line.includes(`hook on ${node}`) && line.includes("failed"));
  };

  writeFileSync(files.pluginStack, "# none\n");
  await at.site.gleanOrThrow(["resume", "n1"]);
  expect(await at.until("a refusal", reason("n1"))).toContain(`has no line "optional ${plugin}"`);
  await at.site.gleanOrThrow(["drain", "n1"]);

  writeFileSync(files.pluginStack, lines);
  copyFileSync(plugin, `${plugin}.new`);
  renameSync(`${plugin}.new`, plugin);
  await at.site.gleanOrThrow(["resume", "n2"]);
  expect(await at.until("a refusal", reason("n2"))).toContain(
    "was replaced since slurmd loaded it",
  );

  await cluster.stopNode("n2");
  await cluster.startNode("n2");
  await ready("n2");
});
