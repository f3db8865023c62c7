// Holes found through events or polling, the reasons of unused ones, and where idle core-time went,
// on real Slurm.

import { copyFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { Utilization } from "../../src/model/records/utilization.js";
import type { ExplainAnswer, HolesAnswer } from "../../src/wire/api/types.js";
import { type TestSite, testSite } from "../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;
const never = 3_600_000;

beforeAll(async () => {
  at = await testSite({
    nodes: 2,
    cpus: 4,
    memoryMb: 8_000,
    // Nothing is found by a regular poll: what these tests wait for has to come by the hook's word.
    config: { poll: { intervalMs: never, staleMs: never, maximumMs: never } },
  });
  await ready("n1");
  await ready("n2");
});
afterAll(() => at?.site.stop());

const ready = (node: string) =>
  at.until(`an executor on ${node}`, async () =>
    (await at.node(node)).executor?.state === "ready" ? true : undefined,
  );
const gone = (node: string) =>
  at.until(`no executor on ${node}`, async () =>
    (await at.node(node)).executor === null ? true : undefined,
  );

/** A job that has all of a node until `open` is called. */
async function fill(node: string) {
  const gate = join(at.work, `gate-${node}`);
  writeFileSync(gate, "", { mode: 0o666 });
  const wait = `while [ -e ${gate} ]; do sleep 0.1; done`;
  const id = await at.sbatch([
    "-o",
    "/dev/null",
    `--nodelist=${node}`,
    "--exclusive",
    `--wrap=${wait}`,
  ]);
  await gone(node);
  return { id, open: () => renameSync(gate, `${gate}.open`) };
}

test("a message from the epilog starts an executor without a poll", async () => {
  const job = await fill("n1");
  await at.until("a view of Slurm with the job", async () => {
    const { idleCores } = await at.json<HolesAnswer>(["explain", "hole", "n1"]);
    return idleCores === 0 ? true : undefined;
  });
  expect((await at.json<ExplainAnswer>(["explain", "n1"])).lines[0]).toMatch(/has no hole.*full/);
  job.open();
  await ready("n1");
});

test("a node whose epilog runs long after the hook's message is polled until Slurm releases it", async () => {
  const epilog = at.site.files.program("glean-epilog");
  const gate = join(at.work, "epilog-gate");
  writeFileSync(gate, "");
  copyFileSync(epilog, `${epilog}.ours`);
  const slow = `#!/bin/sh\n${epilog}.ours\nwhile [ -e ${gate} ]; do sleep 0.1; done\n`;
  writeFileSync(`${epilog}.new`, slow, { mode: 0o755 });
  renameSync(`${epilog}.new`, epilog);
  const job = await fill("n1");
  job.open();
  const said = await at.until("a job that leaves n1", async () => {
    const { holes } = await at.json<HolesAnswer>(["explain", "hole", "n1"]);
    return holes.find(({ part }) => part === "completing");
  });
  expect(said).toMatchObject({ cores: 4, why: expect.stringContaining("epilogs") });
  renameSync(gate, `${gate}.open`);
  await ready("n1");
  renameSync(`${epilog}.ours`, epilog);
});

test("each unused hole has its reason, and the parts of idle core-time sum to the whole", async () => {
  await at.site.gleanOrThrow(["drain", "n2"]);
  const held = join(at.work, "held");
  writeFileSync(held, "");
  const wait = `while [ -e ${held} ]; do sleep 0.1; done`;
  const id = await at.submit(["-c", "3", "--mem=100M", "-o", "/dev/null", `--wrap=${wait}`]);
  await at.runs(id);
  await gone("n2");
  await at.submit(["-c", "2", "--mem=100M", "-o", "/dev/null", "--wrap=true"]);
  const { idleCores, holes } = await at.json<HolesAnswer>(["explain", "hole"]);
  expect(idleCores).toBe(8);
  expect(holes.map(({ node, cores, part }) => [node, cores, part])).toEqual([
    ["n1", 1, "unplaced"],
    ["n2", 4, "drained"],
  ]);
  // What runs is displaced by a job: that work is lost.
  const job = await fill("n1");
  job.open();
  await at.usedCores(3, "n1");
  renameSync(held, `${held}.open`);
  await at.ended(id);
  // A read of Slurm, for the report reaches to the last one.
  await at.site.gleanOrThrow(["resume", "n2"]);
  await ready("n2");
  const { idleCoreMs, idleParts, perNode } = await at.json<Utilization>(["report", "utilization"]);
  expect(Object.values(idleParts).reduce((sum, part) => sum + part, 0)).toBe(idleCoreMs);
  for (const part of ["useful", "evicted", "noDemand", "unplaced", "starting"] as const)
    expect([part, idleParts[part]]).toEqual([part, expect.any(Number)]);
  // On a machine too busy to answer in time, the hook kills the executor, and its work is lost with
  // it.
  expect(idleParts.evicted + idleParts.lost).toBeGreaterThan(0);
  expect(idleParts.useful).toBeGreaterThan(0);
  expect(perNode.find(({ node }) => node === "n2")!.idleParts.drained).toBeGreaterThan(0);
  const text = await at.site.gleanOrThrow(["report", "idle"], { user: "nobody" });
  expect(text).toMatch(/^ {2}finished work +\d/m);
});
