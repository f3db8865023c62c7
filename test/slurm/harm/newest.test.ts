// Features of newer Slurm only: jobs that return memory while they run, partitions with Exclusive=,
// clusters without munge, and prologs that run in the job.

import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { startSite } from "../../../scripts/site/site.js";
import { TestSite } from "../../support/site/site.js";

jest.setTimeout(180_000);
const describeHere =
  Number(process.env.GLEANER_TEST_SLURM ?? 0) >= 26.05 ? describe : describe.skip;

describeHere(
  "on Slurm 26.05, whose daemons and commands know each other by a key of their own",
  () => {
    let at: TestSite;
    let dir: string;

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), "gleaner-test-"));
      writeFileSync(join(dir, "slurm.key"), randomBytes(1_024), { mode: 0o600 });
      const site = await startSite({
        dir,
        nodes: 1,
        cpus: 4,
        memoryMb: 8_000,
        slurmConfLines: ["AuthType=auth/slurm", "AuthInfo=cred_expire=120", "PrologFlags=RunInJob"],
        partitionLines: [
          "PartitionName=batch Nodes=ALL Default=YES MaxTime=INFINITE State=UP",
          "PartitionName=whole Nodes=ALL MaxTime=INFINITE State=UP Exclusive=NODE",
        ],
        config: { poll: { intervalMs: 500 }, placement: { exclusivePartitions: ["whole"] } },
      });
      at = new TestSite(site);
    });
    afterAll(async () => {
      await at?.site.stop();
      rmSync(dir, { recursive: true, force: true }); // the key is not the cluster's
    });

    test("users are still identified by munge, and run functions", async () => {
      const id = await at.submit(["--mem=50M", "-o", "/dev/null", "--wrap=true"]);
      const ended = await at.ended(id);
      expect(ended.map(({ state, owner }) => [state, owner.user])).toEqual([
        ["COMPLETED", "nobody"],
      ]);
    });

    test("a prolog in the job's extern step frees the node before the first task", async () => {
      const wrap = "--wrap=echo $$ >function.pid; exec sleep 1000";
      const id = await at.submit(["-c4", "--mem=50M", "-o", "/dev/null", wrap]);
      const pid = (await at.text("function.pid")).trim();
      const marks = join(at.site.files.run, "n1/jobs");
      const look = `--wrap=ls ${marks}; kill -0 ${pid} && echo alive; true`;
      const job = await at.sbatch(["-c4", "--mem=1000", "-o", "seen", look]);
      expect(await at.jobEnded(job)).toBe("COMPLETED");
      expect((await at.text("seen")).split("\n")[0]).toBe(`${job}.4.-`);
      expect(await at.text("seen")).not.toContain("alive");
      const log = readFileSync(join(at.site.files.logs, "executor-n1.log"), "utf8");
      expect(log).toContain('"event":"jobBegan"');
      expect(log).not.toContain("jobWithoutProlog");
      await at.site.gleanOrThrow(["cancel", id], { user: "nobody" });
      await at.ended(id);
    });

    test("memory that a running job releases is used", async () => {
      const job = await at.sbatch(["-c1", "--mem=6000", "-o", "/dev/null", "--wrap=sleep 1000"]);
      await at.until("the job", async () => (await at.jobState(job)) === "RUNNING" || undefined);
      const id = await at.submit(["-c1", "--mem=4000M", "-o", "/dev/null", "--wrap=true"]);
      await at.until("the job in view", async () => {
        const { hole } = await at.node("n1");
        return (hole !== null && hole.free.memoryMb < 4_000) || undefined;
      });
      expect((await at.invocations(id))[0]!.state).toBe("PENDING");
      const { stderr } = await at.site.cluster.run("scontrol", [
        "update",
        `JobId=${job}`,
        "MinMemoryNode=1000",
      ]);
      expect(stderr).toBe("");
      expect((await at.ended(id)).map(({ state }) => state)).toEqual(["COMPLETED"]);
      expect(await at.jobState(job)).toBe("RUNNING");
      await at.site.cluster.run("scancel", [`${job}`]);
      await at.jobEnded(job);
    });

    test("the idle rest under a job with Exclusive=NODE is used", async () => {
      const wrap = "--wrap=sleep 1000";
      const job = await at.sbatch([
        "-p",
        "whole",
        "-n1",
        "-c2",
        "--mem=1000",
        "-o",
        "/dev/null",
        wrap,
      ]);
      await at.until("the job", async () => (await at.jobState(job)) === "RUNNING" || undefined);
      const id = await at.submit(["-c2", "--mem=50M", "-o", "/dev/null", "--wrap=true"]);
      expect((await at.ended(id)).map(({ state }) => state)).toEqual(["COMPLETED"]);
      expect(await at.jobState(job)).toBe("RUNNING");
      await at.site.cluster.run("scancel", [`${job}`]);
      await at.jobEnded(job);
    });
  },
);
