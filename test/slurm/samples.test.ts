// The sample functions of docs/examples/functions, deployed and called on real Slurm.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import {
  preparationLimitMs,
  prepareSamples,
  sampleCalls,
  sampleNames,
} from "../support/samples/samples.js";
import { type TestSite, testSite, user } from "../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;

beforeAll(async () => {
  at = await testSite({ nodes: 1, cpus: 4, memoryMb: 8_000 });
  const folder = join(at.work, "samples");
  await prepareSamples(folder);
  await at.until("an executor", async () => {
    const { nodes } = await at.info();
    return nodes.every(({ executor }) => executor?.state === "ready") || undefined;
  });
  for (const name of sampleNames())
    await at.site.gleanOrThrow(["function", "deploy", name, join(folder, name)], { user });
}, preparationLimitMs);
afterAll(() => at?.site.stop());

test.each(sampleCalls)("$sample answers with $what", async ({ sample, input, check }) => {
  const file = join(at.work, "input");
  writeFileSync(file, input);
  const called = await at.site.glean(["invoke", sample, "--input", file, "--json"], { user });
  const { answer } = JSON.parse(called.stdout);
  expect(answer).toMatchObject({ kind: "result" });
  const { text, base64 } = answer.payload;
  check(base64 === undefined ? Buffer.from(text) : Buffer.from(base64, "base64"));
});
