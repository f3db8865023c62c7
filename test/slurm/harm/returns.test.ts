// Resources that Slurm's jobs get back, or get in addition, without a prolog, on real Slurm:
// functions never use them.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type TestSite, testSite, user } from "../../support/site/site.js";

jest.setTimeout(600_000);
const cpus = 8;
/** No other test on this machine sleeps exactly so long. */
const seconds = 400_000 + process.pid;
let at: TestSite;

const { length: machineCpus } = readFileSync("/proc/cpuinfo", "utf8").match(/^processor/gm)!;
const describeWithCores = machineCpus > 1 ? describe : describe.skip;

const scontrol = async (...args: string[]) => {
  const { stdout, stderr, exitCode } = await at.site.cluster.run("scontrol", args);
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
};
const hold = (args: string[]) =>
  at.sbatch(["--mem=200", "-o", "/dev/null", ...args, "--wrap=sleep 600"]);
/** Names the job's record if it does not run in time. */
const jobRuns = async (id: number) => {
  try {
    await at.until(`job ${id} to run`, async () =>
      (await at.jobState(id)) === "RUNNING" ? true : undefined,
    );
  } catch (cause) {
    throw new Error(await scontrol("show", "job", String(id)), { cause });
  }
};
/**
 * Has a requeued job start again as soon as Slurm can. Slurm delays it by two minutes, and again
 * once its first run has completely left the node. slurmd rejects, as revoked, a credential granted
 * in the second of the requeue or before, and the job then ends as FAILED: hence the two seconds.
 */
const runsAgain = (id: number, requeuedAtMs: number) =>
  at.until(`job ${id} to run again`, async () => {
    const state = await at.jobState(id);
    if (state === "RUNNING") return true;
    if (!["PENDING", "CONFIGURING"].includes(state))
      throw new Error(await scontrol("show", "job", String(id)));
    if (Date.now() > requeuedAtMs + 2_000)
      await at.site.cluster.run("scontrol", ["update", `JobId=${id}`, "StartTime=now"]);
    return undefined;
  });
const fill = () => {
  const options = ["--mem=100M", "-o", "/dev/null", "-t", "50", "--array=0-99"];
  return at.submit([...options, `--wrap=exec sleep ${seconds}`]);
};
/** Functions on n1, from /proc alone. */
const functions = () =>
  readdirSync("/proc").filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1") === `sleep\0${seconds}\0`;
    } catch {
      return false;
    }
  }).length;
const functionsAre = (count: number) =>
  at.until(`${count} functions`, () => (functions() === count ? true : undefined));
/** gleanerd has planned with a view of Slurm that it read after this call. */
const seenAnew = async () => {
  const before = Date.now();
  await at.until("a new view of Slurm", async () => {
    const { snapshotAgeMs } = await at.info();
    return snapshotAgeMs !== null && Date.now() - snapshotAgeMs > before ? true : undefined;
  });
};
/** As gleanerd sees it: what Slurm counts as allocated on n1. */
const sees = (allocated: number) =>
  at.until(`gleanerd to see ${allocated} CPUs allocated`, async () =>
    (await at.node("n1")).allocatedCores === allocated ? true : undefined,
  );
/** Slurm keeps a reservation as long as a job in it completes. */
const reservationGone = () =>
  at.until("the end of the reservation", async () => {
    await at.site.cluster.run("scontrol", ["delete", "ReservationName=soon"]);
    return (await scontrol("show", "reservation")).includes("No reservations") ? true : undefined;
  });
const emptied = async () => {
  await at.site.cluster.run("scancel", ["-u", "root"]);
  await reservationGone();
  await at.site.glean(["cancel", "-u", user], { user: "root" });
  await functionsAre(0);
  await at.until("a whole node", async () =>
    (await at.node("n1")).executor?.budget.cores === cpus ? true : undefined,
  );
};

describe("on a node with more CPUs than the machine", () => {
  beforeAll(async () => {
    at = await testSite({
      nodes: 1,
      cpus,
      memoryMb: 8_000,
      config: { placement: { memoryMarginMb: 100 } },
    });
  });
  afterAll(() => at?.site.stop());
  afterEach(emptied);

  test("the CPUs of a suspended job stay free, even if an executor starts meanwhile", async () => {
    const job = await hold(["-n", "5"]);
    await jobRuns(job);
    await fill();
    await functionsAre(3);
    await scontrol("suspend", String(job));
    await sees(0);
    await seenAnew();
    expect((await at.node("n1")).hole).toMatchObject({ free: { cores: 3 }, kind: "fragment" });
    expect(functions()).toBe(3);
    const { id } = (await at.node("n1")).executor!;
    process.kill(at.executorPid("n1"), "SIGKILL");
    await at.until("another executor", async () => {
      const { executor } = await at.node("n1");
      return executor !== null && executor.id !== id ? true : undefined;
    });
    await functionsAre(3);
    await seenAnew();
    expect(functions()).toBe(3);
    await scontrol("resume", String(job));
    expect(functions()).toBe(3);
    await sees(5);
    await seenAnew();
    expect(functions()).toBe(3);
  });

  test("a suspended job that holds all CPUs leaves no hole", async () => {
    const job = await hold(["-n", String(cpus)]);
    await jobRuns(job);
    await scontrol("suspend", String(job));
    await sees(0);
    await fill();
    await seenAnew();
    expect((await at.node("n1")).unusable?.reason).toEqual({ kind: "full" });
    expect(functions()).toBe(0);
    expect(await at.site.gleanOrThrow(["explain", "n1"])).toContain("when they resume");
    await scontrol("resume", String(job));
    await sees(cpus);
    expect(functions()).toBe(0);
  });

  test("functions use no CPU of a job beside a suspended one, nor of the latter once it resumes", async () => {
    const first = await hold(["-n", "4"]);
    await jobRuns(first);
    await fill();
    await functionsAre(4);
    await scontrol("suspend", String(first));
    await sees(0);
    // Slurm gives away the CPUs of the suspended job.
    const second = await hold(["-n", "6"]);
    await jobRuns(second);
    expect(functions()).toBeLessThanOrEqual(2);
    await seenAnew();
    expect(functions()).toBe(0);
    await scontrol("resume", String(first));
    expect(functions()).toBe(0);
  });

  // slurmd 22.05 runs no second prolog for a job that returns to its node within two minutes.
  test("functions use no CPU of a requeued job that restarts on its node at once", async () => {
    for (let round = 0; round < 3; round++) {
      const look = `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c '[s]leep ${seconds}'; sleep 600`;
      const name = `requeued-${round}`;
      const options = ["--requeue", "--mem=200", "-n", String(cpus), "--open-mode=append"];
      const job = await at.sbatch([...options, "-o", name, `--wrap=${look}`]);
      await at.text(name);
      await scontrol("requeue", String(job));
      const requeuedAtMs = Date.now();
      await at.until(`job ${job} to wait`, async () =>
        (await at.jobState(job)) === "PENDING" ? true : undefined,
      );
      if (round === 0) await fill();
      await functionsAre(cpus);
      await runsAgain(job, requeuedAtMs);
      const counts = await at.until("the second start", async () => {
        const lines = (await at.text(name)).split("\n").filter((line) => /^\d+$/.test(line));
        return lines.length > 1 ? lines : undefined;
      });
      expect(counts).toEqual([round === 0 ? "0" : expect.any(String), "0"]);
      expect(functions()).toBe(0);
      await at.site.cluster.run("scancel", [String(job)]);
    }
  });

  test("functions use no CPU of a job whose slurmd restarts", async () => {
    const job = await hold(["-n", "5"]);
    await jobRuns(job);
    await fill();
    await functionsAre(3);
    await at.site.cluster.stopNode("n1");
    await at.site.cluster.startNode("n1");
    await seenAnew();
    await functionsAre(3);
    expect(await at.jobState(job)).toBe("RUNNING");
  });

  test("functions use no CPU of a job in a reservation that begins", async () => {
    await fill();
    await functionsAre(cpus);
    const when = ["StartTime=now+8", "Duration=10", "Nodes=n1", "Users=root"];
    await scontrol("create", "reservation", "ReservationName=soon", ...when);
    const job = await hold(["-n", "5", "--reservation=soon"]);
    await jobRuns(job);
    expect(functions()).toBeLessThanOrEqual(cpus - 5);
  });

  test("functions use no CPU that slurm.conf removes from a node, until it is added again", async () => {
    await fill();
    await functionsAre(cpus);
    const conf = readFileSync(at.site.cluster.slurmConf, "utf8");
    const restart = async (text: string) => {
      writeFileSync(at.site.cluster.slurmConf, text);
      await at.site.cluster.stopSlurmctld();
      await at.site.cluster.stopNode("n1");
      await at.site.cluster.startSlurmctld();
      await at.site.cluster.startNode("n1");
    };
    try {
      await restart(conf.replace(`CPUs=${cpus}`, "CPUs=4"));
      await functionsAre(4);
      const job = await hold(["-n", "3"]);
      await jobRuns(job);
      expect(functions()).toBeLessThanOrEqual(1);
    } finally {
      await restart(conf);
    }
  });
});

describe("where Slurm may allocate a suspended job's CPUs to another", () => {
  beforeAll(async () => {
    at = await testSite({
      nodes: 2,
      cpus,
      memoryMb: 8_000,
      slurmConfLines: [
        "SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,permit_job_expansion",
        "PreemptMode=GANG",
        "SchedulerTimeSlice=5",
      ],
      partitionLines: [
        "PartitionName=batch Nodes=ALL Default=YES",
        "PartitionName=gang Nodes=n1 OverSubscribe=FORCE:2",
      ],
      config: { placement: { memoryMarginMb: 100 } },
    });
  });
  afterAll(() => at?.site.stop());
  afterEach(emptied);

  test("no function runs on CPUs that a job got from its helper", async () => {
    const job = await hold(["-n", "2", "-w", "n1"]);
    await jobRuns(job);
    const dependency = [`--dependency=expand:${job}`, "--no-shell", "-w", "n2"];
    const { stderr } = await at.site.cluster.run("salloc", ["-n3", "--mem=200", ...dependency]);
    const helper = /job allocation (\d+)/.exec(stderr)![1]!;
    await scontrol("update", `JobId=${helper}`, "NumNodes=0");
    await fill();
    await at.usedCores(1, "n1");
    await seenAnew();
    // Slurm's figures of n2 no longer say how many CPUs are taken there: nobody else uses any.
    expect((await at.node("n2")).unusable?.reason.kind).toBe("full");
    expect((await at.node("n2")).executor).toBeNull();
    expect(functions()).toBeLessThanOrEqual(6);
  });

  test("jobs that take turns leave only the CPUs that none of them holds", async () => {
    for (const name of ["one", "two"]) await hold(["-p", "gang", "-J", name, "-n", "6"]);
    await at.until("one job to be suspended", async () => {
      const { stdout } = await at.site.cluster.run("squeue", ["-h", "-o", "%T"]);
      return stdout.includes("SUSPENDED") && stdout.includes("RUNNING") ? true : undefined;
    });
    await seenAnew();
    await fill();
    await functionsAre(cpus);
    expect((await at.node("n1")).unusable?.reason.kind).toBe("full");
  });
});

describeWithCores("where jobs are pinned", () => {
  beforeAll(async () => {
    at = await testSite({
      nodes: 1,
      cpus: machineCpus,
      memoryMb: 8_000,
      slurmConfLines: ["TaskPlugin=task/affinity"],
      config: { placement: { memoryMarginMb: 100 } },
    });
  });
  afterAll(() => at?.site.stop());

  test("functions keep off the CPUs of a suspended job", async () => {
    const allowed = "until [ -e stop ]; do sleep 0.05; done";
    const wrap = `grep Cpus_allowed_list: /proc/self/status > theirs; ${allowed}`;
    const job = await at.sbatch(["-c", "1", "--mem=100", `--wrap=${wrap}`]);
    const cpuOf = async (name: string) => (await at.text(name)).trim().replace(/^.*:\s*/, "");
    const theirs = await cpuOf("theirs");
    await scontrol("suspend", String(job));
    await sees(0);
    await seenAnew();
    const free = await at.until("a hole beside it", async () => (await at.node("n1")).hole?.free);
    expect(free.cores).toBe(machineCpus - 1);
    const mine = `grep Cpus_allowed_list: /proc/self/status > mine`;
    await at.ended(await at.submit(["--mem=50M", "-o", "/dev/null", `--wrap=${mine}`]));
    expect(await cpuOf("mine")).not.toContain(theirs);
    await scontrol("resume", String(job));
    writeFileSync(join(at.work, "stop"), "");
    expect(await at.jobEnded(job)).toBe("COMPLETED");
  });
});
