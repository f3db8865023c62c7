// salloc with PrologFlags=Alloc,NoHold, on real Slurm: it does not wait for the prolog, and its
// tasks do.

import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type TestSite, testSite } from "../../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;

beforeAll(async () => {
  const slurmConfLines = ["PrologFlags=Alloc,NoHold"];
  at = await testSite({ nodes: 1, cpus: 4, memoryMb: 8_000, slurmConfLines });
});
afterAll(() => at?.site.stop());

test("functions are gone before the job's first task begins", async () => {
  const beat = "while :; do date +%s%N > beat.new; mv beat.new beat.$GLEANER_ATTEMPT; done";
  await at.submit(["-c", "4", "--mem=100M", "-o", "/dev/null", `--wrap=${beat}`]);
  await at.text("beat.1");
  const script = "srun -n1 date +%s%N";
  const { stdout, stderr } = await at.site.cluster.run("salloc", ["-Q", "-n4", "sh", "-c", script]);
  expect(stdout.trim()).toMatch(/^\d{19}$/);
  expect({ stderr, late: BigInt(await at.text("beat.1")) > BigInt(stdout) }).toMatchObject({
    late: false,
  });
  // It goes on when the job has left.
  await at.text("beat.2");
});

test("doctor reports no problem with salloc", async () => {
  const { exitCode, stdout } = await at.site.glean(["doctor"]);
  expect(stdout).not.toContain("start of salloc");
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
});
