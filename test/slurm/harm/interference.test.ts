// The interference guard on real Slurm: gleanerd stops using a node whose batch job waits because
// of functions, says so, and uses it again once the job has gone.

import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { ExplainAnswer } from "../../../src/wire/api/types.js";
import { type TestSite, testSite } from "../../support/site/site.js";

jest.setTimeout(240_000);
const withPressure = existsSync("/proc/pressure/cpu") ? test : test.skip;
let at: TestSite;

beforeAll(async () => {
  at = await testSite({
    nodes: 1,
    cpus: 4,
    memoryMb: 8_000,
    config: {
      poll: { intervalMs: 500 },
      // Jobs of this cluster have no cgroup, so the node's own figures count.
      interference: { nodeCpuPercent: 0, intervalMs: 100, sustainedMs: 300, awayMs: 3_600_000 },
    },
  });
});
afterAll(() => at?.site.stop());

const explained = async () => (await at.json<ExplainAnswer>(["explain", "n1"])).lines.join("\n");

withPressure(
  "a node whose job waits is left alone until the job has gone, and says so",
  async () => {
    await at.until(
      "an executor",
      async () => (await at.node("n1")).executor?.state === "ready" || undefined,
    );
    // More than there are processors: some of them always waits.
    const spinners = cpus().length * 2;
    const spin = `for i in $(seq ${spinners}); do perl -e '1 while 1' & done; echo up >${at.work}/up; wait`;
    const job = await at.sbatch(["-c", "1", "--mem=1000", "--output=/dev/null", `--wrap=${spin}`]);
    await at.text("up");
    const id = await at.submit([
      "-c",
      "1",
      "--mem=50M",
      "-o",
      "/dev/null",
      "--wrap=exec sleep 1000",
    ]);
    await at.until("the guard", async () => {
      const { executor, unusable } = await at.node("n1");
      return (executor === null && unusable?.reason.kind === "interference") || undefined;
    });
    expect(await explained()).toMatch(
      /\d of its \d idle cores are unused: functions slowed down batch work: processes of the node waited for a core \d+ % of the time, more than the 0 % that interference\.nodeCpuPercent allows; the next try is in \d+ s/,
    );
    const [waiting] = await at.invocations(id);
    expect(waiting).toMatchObject({ state: "PENDING", attempt: 1 });
    expect(waiting!.reason).toContain("waited for a core");
    await at.site.cluster.run("scancel", [String(job)]);
    await at.until("the function's next attempt", async () => {
      const [each] = await at.invocations(id);
      return each!.state === "RUNNING" || undefined;
    });
    await at.site.gleanOrThrow(["cancel", id], { user: "nobody" });
    expect((await at.ended(id))[0]!.state).toBe("CANCELLED");
  },
);
