// Functions that hang in the kernel, as when a file server is gone: one job waits for them, and
// then everybody knows.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { Utilization } from "../../../src/model/records/utilization.js";
import type { DoctorAnswer, ExplainAnswer } from "../../../src/wire/api/types.js";
import { type TestSite, testSite, user } from "../../support/site/site.js";

jest.setTimeout(300_000);

/** A separate file system that can be made to hang; null if the machine has no loop devices. */
class Disk {
  private constructor(
    readonly folder: string,
    readonly mount: string,
  ) {}

  static make(): Disk | null {
    const folder = mkdtempSync(join(tmpdir(), "gleaner-disk-"));
    const [image, mount] = [join(folder, "image"), join(folder, "mount")];
    mkdirSync(mount);
    try {
      execFileSync("truncate", ["-s", "64M", image]);
      execFileSync("mkfs.ext4", ["-q", image], { stdio: "pipe" });
      execFileSync("mount", ["-o", "loop", image, mount], { stdio: "pipe" });
      execFileSync("chmod", ["777", folder, mount]);
      return new Disk(folder, mount);
    } catch {
      rmSync(folder, { recursive: true, force: true });
      return null;
    }
  }

  hang(): void {
    execFileSync("fsfreeze", ["-f", this.mount]);
  }

  goOn(): void {
    try {
      execFileSync("fsfreeze", ["-u", this.mount], { stdio: "pipe" });
    } catch {} // it did not hang
  }

  remove(): void {
    execFileSync("umount", ["-l", this.mount]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const disk = process.getuid?.() === 0 ? Disk.make() : null;
const onDisk = disk === null ? test.skip : test;
let at: TestSite;

beforeAll(async () => {
  at = await testSite({ nodes: 1, cpus: 4, memoryMb: 8_000 });
});
afterAll(async () => {
  disk?.goOn();
  await at?.site.stop();
  disk?.remove();
});

/** Starts a job on all cores of the node and waits for its end; how long that took. */
async function runJob(): Promise<number> {
  const startedMs = performance.now();
  const { exitCode, stderr } = await at.site.cluster.run("srun", ["-w", "n1", "-c4", "true"]);
  if (exitCode !== 0) throw new Error(stderr);
  return performance.now() - startedMs;
}

/** Processes of functions on the node that sleep in the kernel. */
function hanging(): number[] {
  const mark = readFileSync(join(at.site.files.run, "n1", "executor.pid"), "utf8");
  const work = join(dirname(/^kill=(.+)$/m.exec(mark)![1]!), "work");
  const attempts = readdirSync(work, { withFileTypes: true }).filter((each) => each.isDirectory());
  return attempts.flatMap(({ name }) =>
    readFileSync(join(work, name, "cgroup.procs"), "utf8")
      .split("\n")
      .filter(Boolean)
      .map(Number)
      .filter((pid) => {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        return stat.slice(stat.lastIndexOf(")") + 2).startsWith("D");
      }),
  );
}

const violations = async () =>
  (await at.json<Utilization>(["report", "utilization"])).violations ?? [];

/** What an operator is told of the two processes, once the node has told it. */
async function expectNamed(pids: readonly number[]): Promise<void> {
  const known = await at.until("what the node tells", async () => {
    const { unkillable, executor } = await at.node("n1");
    if (unkillable === null || executor?.state !== "ready") return undefined;
    const isTold = unkillable.processes.every((each) => each.fileSystem !== null && each.user);
    return isTold ? { unkillable, executor } : undefined;
  });
  expect(known.unkillable).toMatchObject({ count: 2, held: { cores: 2, memoryMb: 200 } });
  expect(known.unkillable.processes.map(({ pid }) => pid).sort()).toEqual([...pids].sort());
  expect(known.executor.budget.cores).toBe(2);
  const { mount } = disk!;
  const named = expect.stringMatching(
    new RegExp(`process ${pids[0]} \\(\\S+\\) of ${user}, .* in the file system ${mount} \\(ext4`),
  );
  const { lines } = await at.json<ExplainAnswer>(["explain", "n1"]);
  expect(lines).toContainEqual(named);
  const doctor = await at.site.glean(["doctor", "--json"]);
  const { checks } = JSON.parse(doctor.stdout) as DoctorAnswer;
  expect(checks.find(({ name }) => name === "unkillable processes on n1")?.detail).toEqual(named);
  expect(await at.site.gleanOrThrow(["info"])).toMatch(/cannot be killed: \S+ \d+ of nobody/);
}

/** Functions run beside the two, and give way to a job. */
async function expectRestIsUsed(): Promise<void> {
  const args = ["-a", "0-1", "-c1", "--mem=100M", "-o", "/dev/null", "--wrap", "sleep 1000"];
  const beside = await at.submit(args);
  await at.until("functions beside", async () => {
    const running = (await at.invocations(beside)).filter(({ state }) => state === "RUNNING");
    return running.length === 2 || undefined;
  });
  await runJob();
  await at.site.gleanOrThrow(["cancel", beside], { user });
}

onDisk("keep only the first job waiting; what they do not hold is used", async () => {
  // Tried again, they have nothing to do any more.
  const over = join(at.work, "over");
  const loop = `test -e ${over} && exit; while :; do echo y >>${disk!.mount}/x.$$; sleep 0.05; done`;
  const args = ["-a", "0-1", "-c1", "--mem=100M", "-o", "/dev/null", "--wrap", loop];
  const hung = await at.submit(args);
  await at.runs(hung);
  disk!.hang();
  await at.until("functions that hang", () => hanging().length >= 2 || undefined);
  const pids = hanging();
  writeFileSync(over, "");

  const first = await runJob();
  const later = [await runJob(), await runJob()];
  expect(Math.max(...later)).toBeLessThan(first);
  await expectNamed(pids);
  await expectRestIsUsed();
  const late = await at.until("the violation in the report", async () => {
    const all = await violations();
    return all.length > 0 ? all : undefined;
  });
  expect(late.map(({ left }) => left)).toEqual([2]);
  const ended = await at.ended(hung);
  const ends = ended.map(({ state, attempt }) => [state, attempt]);
  expect(ends).toEqual(Array(2).fill(["COMPLETED", 2]));
});

onDisk("are waited for by nobody when they are gone, and the node is used as before", async () => {
  disk!.goOn();
  await at.until("the whole node", async () => {
    const { unkillable, executor } = await at.node("n1");
    return (unkillable === null && executor?.budget.cores === 4) || undefined;
  });
  const all = await at.submit(["-c4", "-o", "/dev/null", "--wrap=true"]);
  expect((await at.ended(all))[0]!.state).toBe("COMPLETED");
  expect(await violations()).toHaveLength(1);
});

onDisk(
  "end for their user when they are cancelled or reach their time limit, and the node names them",
  async () => {
    const loop = `while :; do echo y >>${disk!.mount}/y.$$; sleep 0.05; done`;
    const args = ["-c1", "--mem=100M", "-o", "/dev/null"];
    const cancelled = await at.submit([...args, "--wrap", loop]);
    const late = await at.submit([...args, "-t", "0:15", "--wrap", loop]);
    for (const id of [cancelled, late]) await at.runs(id);
    disk!.hang();
    await at.until("functions that hang", () => hanging().length >= 2 || undefined);
    const pids = hanging();
    await at.site.gleanOrThrow(["cancel", cancelled], { user });
    expect((await at.ended(cancelled))[0]!.state).toBe("CANCELLED");
    expect((await at.ended(late))[0]!.state).toBe("TIMEOUT");
    expect(hanging().sort()).toEqual(pids.sort());
    await expectNamed(pids);
    disk!.goOn();
    await at.until("the whole node", async () => {
      const { unkillable, executor } = await at.node("n1");
      return (unkillable === null && executor?.budget.cores === 4) || undefined;
    });
  },
);
