// The idle rest of nodes in use, on real Slurm: cores of pinned jobs, GPUs by index, jobs that come
// and go, exclusive jobs.

import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type TestSite, testSite, user } from "../../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;

/** Its hook waits as long as a busy machine may take, so that no executor is killed for that. */
async function patientSite(options: Parameters<typeof testSite>[0]): Promise<TestSite> {
  const site = await testSite(options);
  appendFileSync(site.site.files.program("hook.conf"), "answerMs=10000\ndeadlineMs=20000\n");
  return site;
}

/** Runs until its file `stop` is there, and writes on which CPUs it may run whenever it runs. */
const watcher = (name: string) =>
  `until [ -e ${name}.stop ]; do grep Cpus_allowed_list: /proc/self/status > ${name}.new; mv ${name}.new ${name}; sleep 0.05; done; echo $CUDA_VISIBLE_DEVICES > ${name}.gpus`;
const release = (name: string) => writeFileSync(join(at.work, `${name}.stop`), "");
const cpusOf = async (name: string) => (await at.text(name)).trim().replace(/^.*:\s*/, "");
const watch = (name: string, args: string[] = []) =>
  at.submit(["--mem=50M", "-o", "/dev/null", ...args, `--wrap=${watcher(name)}`]);
/** A batch job that lasts until it is released, on some cores of n1. */
const job = (name: string, args: string[]) =>
  at.sbatch(["--mem=100", "-o", `${name}.out`, ...args, `--wrap=${watcher(name)}`]);
const firstAttempt = async (id: string) => {
  const [ended] = await at.ended(id);
  expect(ended).toMatchObject({ state: "COMPLETED", attempt: 1 });
  return ended!;
};
const executorThere = () =>
  at.until("an executor on n1", async () => {
    // Before Slurm was read there is no node.
    const executor = ((await at.node("n1")) ?? { executor: null }).executor;
    return executor?.state === "ready" ? executor : undefined;
  });
afterEach(async () => {
  await at.site.cluster.run("scancel", ["-u", "root"]);
  await at.site.glean(["cancel", "-u", user], { user: "root" });
});

const { length: cpus } = readFileSync("/proc/cpuinfo", "utf8").match(/^processor/gm)!;
const describeWithCores = cpus > 1 ? describe : describe.skip;

describeWithCores("where jobs are pinned, on a node whose CPUs are the machine's", () => {
  beforeAll(async () => {
    at = await patientSite({
      nodes: 1,
      cpus,
      memoryMb: 8_000,
      gpusPerNode: 2,
      slurmConfLines: ["TaskPlugin=task/affinity", "SelectTypeParameters=CR_Core"],
      config: { placement: { memoryMarginMb: 100 } },
    });
  });
  afterAll(() => at?.site.stop());

  test("a function beside jobs that come and go never runs on their cores, and is not billed while frozen", async () => {
    await executorThere();
    const { id: executor } = (await at.node("n1")).executor!;
    const id = await watch("beside");
    const any = await cpusOf("beside");
    for (const round of ["one", "two"]) {
      const jobId = await job(round, ["-c", String(cpus - 1)]);
      const theirs = await cpusOf(round);
      // As soon as it runs again it runs elsewhere.
      const ours = await at.until("the function on a core of its own", async () => {
        const now = await cpusOf("beside");
        return now === any ? undefined : now;
      });
      expect(ours).toMatch(/^\d+$/);
      expect(expand(theirs)).not.toContain(Number(ours));
      expect(expand(theirs)).toHaveLength(cpus - 1);
      expect((await at.node("n1")).hole).toMatchObject({ free: { cores: 1 }, kind: "fragment" });
      release(round);
      expect(await at.jobEnded(jobId)).toBe("COMPLETED");
      await at.until("the whole node", async () =>
        (await cpusOf("beside")) === any ? true : undefined,
      );
    }
    release("beside");
    await firstAttempt(id);
    expect((await at.node("n1")).executor!.id).toBe(executor);
  });

  test("an executor that starts beside a pinned job uses only the other cores", async () => {
    await at.site.gleanOrThrow(["drain", "n1", "--now"]);
    await at.until("the executor's end", async () =>
      (await at.node("n1")).executor === null ? true : undefined,
    );
    const jobId = await job("early", ["-c", String(cpus - 1)]);
    const theirs = await cpusOf("early");
    await at.site.gleanOrThrow(["resume", "n1"]);
    const id = await watch("late");
    expect(expand(theirs)).not.toContain(Number(await cpusOf("late")));
    release("late");
    await firstAttempt(id);
    release("early");
    await at.jobEnded(jobId);
  });

  test("a job whose name forges thousands of nodes and cores delays nobody; the rest of its node is not used", async () => {
    await executorThere();
    const madeUp = [65_535, 65_534].map(
      (last) => `Nodes=n[0-${last}] CPU_IDs=0-${last} Mem=1 GRES=`,
    );
    const jobId = await job("liar", ["-c", "1", "-J", `x ${madeUp.join(" ")} y`]);
    await cpusOf("liar");
    // Until a whole read, the reason is that the job started meanwhile.
    const reason = `Slurm has not reported yet which cores job ${jobId} has`;
    await at.until("the reason", async () =>
      (await at.site.gleanOrThrow(["explain", "n1"])).includes(reason) ? true : undefined,
    );
    release("liar");
    expect(await at.jobEnded(jobId)).toBe("COMPLETED");
    await executorThere();
  });

  test("functions get GPUs by index, and a job takes only the GPU that it was allocated", async () => {
    await executorThere();
    const first = await watch("first", ["-G", "1"]);
    const second = await watch("second", ["--gres", "gpu:1"]);
    for (const id of [first, second]) await at.runs(id);
    const third = await at.submit(["-G1", "--mem=50M", "-o", "/dev/null", "--wrap=true"]);
    expect((await at.invocations(third))[0]!.state).toBe("PENDING");
    const jobId = await job("gpu", ["-c", "1", "--gres=gpu:1"]);
    // Slurm gives the lowest, which the function that came first has.
    await at.until("the eviction of the first", async () => {
      const { attempts } = await at.detail(first);
      return attempts[0]!.state === "EVICTED" ? true : undefined;
    });
    await at.until("a hole with the other GPU", async () =>
      (await at.node("n1")).hole?.free.gpus.join() === "1" ? true : undefined,
    );
    release("second");
    await firstAttempt(second);
    expect(await at.text("second.gpus")).toBe("1\n");
    release("gpu");
    await at.jobEnded(jobId);
    expect(await at.text("gpu.gpus")).toBe("0\n");
    release("first");
    expect((await at.ended(first))[0]).toMatchObject({ state: "COMPLETED", attempt: 2 });
    expect((await at.ended(third))[0]!.state).toBe("COMPLETED");
  });

  test("a request for more GPUs than any node has is refused", async () => {
    const { stderr } = await at.site.glean(["batch", "-G3", "--wrap=true"], { user });
    expect(stderr).toContain("the request is for 3 GPUs, but the largest node has 2");
  });
});

describe("with more CPUs in Slurm than the machine has, and a partition that lends what its jobs leave", () => {
  beforeAll(async () => {
    at = await patientSite({
      nodes: 2,
      cpus: 8,
      memoryMb: 16_000,
      config: { placement: { exclusivePartitions: ["whole"] } },
      partitionLines: [
        "PartitionName=batch Nodes=ALL Default=YES",
        "PartitionName=whole Nodes=n2 OverSubscribe=EXCLUSIVE",
      ],
    });
  });
  afterAll(() => at?.site.stop());

  test("an executor is resized in place while jobs come and go, and functions that still fit keep running", async () => {
    const { id: executor } = await executorThere();
    const ids = [await watch("a", ["-c", "2"]), await watch("b", ["-c", "1"])];
    for (const id of ids) await at.runs(id);
    const nodes = ["--nodelist=n1"];
    const cores = async (free: number) =>
      at.until(`${free} idle cores`, async () =>
        (await at.node("n1")).executor?.budget.cores === free ? true : undefined,
      );
    const one = await job("j1", ["-c", "2", ...nodes]);
    await cores(6);
    const two = await job("j2", ["-c", "3", ...nodes]);
    await cores(3);
    release("j1");
    await at.jobEnded(one);
    await cores(5);
    const three = await job("j3", ["-c", "1", ...nodes]);
    await cores(4);
    for (const name of ["j2", "j3"]) release(name);
    await Promise.all([at.jobEnded(two), at.jobEnded(three)]);
    await cores(8);
    for (const name of ["a", "b"]) release(name);
    for (const id of ids) await firstAttempt(id);
    expect((await at.node("n1")).executor!.id).toBe(executor);
  });

  test("the idle rest under an exclusive job of that partition is used", async () => {
    const whole = await job("whole", ["-p", "whole", "-n", "2", "-c", "2"]);
    await at.until("functions under the job", async () => {
      const { executor, allocatedCores } = await at.node("n2");
      return allocatedCores === 8 && executor?.budget.cores === 4 ? true : undefined;
    });
    const id = await watch("under", ["-c", "4"]);
    await at.runs(id);
    release("under");
    await firstAttempt(id);
    release("whole");
    expect(await at.jobEnded(whole)).toBe("COMPLETED");
  });

  test("an exclusive job that requested no particular resources has its node to itself", async () => {
    const plain = await job("plain", ["-p", "whole"]);
    await at.until("a full node", async () => {
      const { unusable, executor } = await at.node("n2");
      return unusable?.reason.kind === "full" && executor === null ? true : undefined;
    });
    release("plain");
    expect(await at.jobEnded(plain)).toBe("COMPLETED");
  });
});

function expand(list: string): number[] {
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index);
  });
}
