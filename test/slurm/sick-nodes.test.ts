// What cannot be started on a node, on real Slurm: it is tried on another one first, and a node
// where several users fail is left alone.

import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { otherUser, type TestSite, testSite, user } from "../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;

beforeAll(async () => {
  at = await testSite({ nodes: 2, cpus: 4, memoryMb: 8_000 });
  // Outputs go to a folder of the node's name: n1 has none, as when a file system is not mounted
  // there.
  mkdirSync(join(at.work, "outputs-n2"));
  chmodSync(join(at.work, "outputs-n2"), 0o777);
});
afterAll(() => at?.site.stop());

/** Runs on n2 in the end, and is tried on n1 first, since a batch job has all of n2 until then. */
async function failsOnN1(as: string): Promise<string> {
  const job = await at.sbatch([
    "-w",
    "n2",
    "--exclusive",
    "--output=/dev/null",
    "--wrap=sleep 600",
  ]);
  await at.until("a full n2", async () =>
    (await at.node("n2")).unusable?.reason.kind === "full" ? true : undefined,
  );
  const id = await at.submit(["-o", "outputs-%N/%j.txt", "--wrap=hostname"], as);
  const explained = await at.until("its first try", async () => {
    const lines = await at.site.gleanOrThrow(["explain", id], { user: as });
    return lines.includes("it avoids nodes on which its start failed: n1") ? lines : undefined;
  });
  expect(explained).toMatch(
    /outputs-n1.* cannot be opened: .*\(on n1\); it will be tried on another node first/,
  );
  await at.site.cluster.run("scancel", [String(job)]);
  const [ended] = await at.ended(id);
  expect(ended).toMatchObject({ state: "COMPLETED", node: "n2" });
  const { attempts } = await at.detail(id);
  expect(attempts[0]).toMatchObject({ state: "FAILED", node: "n1", wallMs: 0 });
  return id;
}

test("a user's own error is recognised on two nodes, and the sentence names both", async () => {
  await at.until("two executors", async () =>
    (await at.info()).nodes.every(({ executor }) => executor?.state === "ready") ? true : undefined,
  );
  const id = await at.submit(["-o", "/no/such/folder/x", "--wrap=true"]);
  const [ended] = await at.ended(id);
  expect(ended!.state).toBe("FAILED");
  expect(ended!.reason).toMatch(
    /^\/no\/such\/folder\/x cannot be opened: .*\(on n[12], after a try on n[12]\)$/,
  );
  expect(ended!.attempt).toBe(2);
});

test("a node where two users fail, and only there, is avoided with a reason", async () => {
  await failsOnN1(user);
  expect((await at.node("n1")).unusable).toBeNull();
  await failsOnN1(otherUser);
  const { unusable } = await at.until("n1 to be left alone", async () => {
    const found = await at.node("n1");
    return found.unusable?.reason.kind === "sick" ? found : undefined;
  });
  const why =
    /commands of 2 users could not be started there \(the last: the output file cannot be opened\)/;
  expect(unusable!.reason).toMatchObject({ kind: "sick", detail: expect.stringMatching(why) });
  expect(await at.site.gleanOrThrow(["explain", "n1"])).toMatch(why);
  expect((await at.site.glean(["doctor"])).stdout).toMatch(why);
  // Work goes on elsewhere.
  const id = await at.submit(["-o", "outputs-%N/%j.txt", "--wrap=true"]);
  expect((await at.ended(id))[0]).toMatchObject({ state: "COMPLETED", node: "n2", attempt: 1 });
});
