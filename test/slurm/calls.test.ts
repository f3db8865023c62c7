// Functions on real Slurm: deployed, called cold and warm, evicted by a job, called again.

import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { Api } from "../../scripts/benchmarks/lib/api.js";
import { codeOf } from "../support/executor/function-code.js";
import { type TestSite, testSite, user } from "../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;

beforeAll(async () => {
  at = await testSite({ nodes: 2, cpus: 4, memoryMb: 8_000 });
  await at.until("executors", async () => {
    const { nodes } = await at.info();
    return nodes.every(({ executor }) => executor?.state === "ready") || undefined;
  });
});
afterAll(() => at?.site.stop());

/** Deploys JavaScript as a user, over the API. */
async function deploy(name: string, source: string): Promise<void> {
  const api = new Api(at.site, user);
  await api.identify();
  await api.deploy(name, (await codeOf({ "index.mjs": source })).bundle);
  api.close();
}

const invoke = (...args: string[]) => at.site.glean(["invoke", ...args], { user });

test("a function is deployed and called, cold and then warm, as its caller", async () => {
  await deploy(
    "who",
    "let calls = 0; export default (input) => ({ uid: process.getuid(), calls: ++calls, input });",
  );
  const first = await invoke("who", "--input", '{"n":1}');
  expect(first).toMatchObject({ exitCode: 0, stderr: "" });
  expect(JSON.parse(first.stdout)).toEqual({ uid: 65_534, calls: 1, input: { n: 1 } });
  const second = await invoke("who", "--input", '{"n":2}');
  expect(JSON.parse(second.stdout)).toMatchObject({ calls: 2 });
});
