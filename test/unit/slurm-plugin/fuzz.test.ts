// The C programs under the sanitizers, with any input that Slurm, an executor, a file or a request
// could give them.

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { epilog, HookedNode, prolog, silent } from "../../support/executor/hook.js";
import { makePlugin, pluginFolder } from "../../support/executor/plugin.js";

let at: HookedNode;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new HookedNode();
});
afterEach(() => at.remove());

describe("the sanitized prolog exits with 0 and prints nothing, whatever comes", () => {
  const options = { seed: 20261123, numRuns: 60 };
  const text = fc.string({ unit: fc.constantFrom(..."n0129[]-,()x._/ é"), maxLength: 60 });

  test("in the environment", async () => {
    const keys = [
      "SLURM_JOB_CPUS_PER_NODE",
      "SLURM_JOB_NODELIST",
      "SLURM_JOB_GPUS",
      "SLURM_CLUSTER_NAME",
    ] as const;
    const env = fc.record(Object.fromEntries(keys.map((key) => [key, text])));
    const ids = fc.oneof(
      fc.constant({}),
      fc.record({ SLURM_JOB_ID: text }),
      fc.record({ SLURMD_NODENAME: text }),
    );
    await fc.assert(
      fc.asyncProperty(env, ids, fc.boolean(), async (values, id, begins) => {
        const all = { ...(begins ? prolog : epilog), ...values, ...id };
        expect(await at.run(all, [], "asan-prolog")).toEqual(silent);
      }),
      options,
    );
  }, 60_000);

  test("from the executor and its files", async () => {
    let answer = Buffer.alloc(0);
    await at.listen((socket) => socket.end(answer));
    const part = fc.constantFrom(
      "freed ",
      "1",
      " ",
      "\n",
      "\0",
      "999999999",
      "ok",
      "pid=",
      "startTicks=",
      "executor=",
      "kill=/sys/fs/cgroup/",
      "x".repeat(300),
    );
    const content = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(content, content, content, async (said, pid, conf) => {
        answer = Buffer.from(said);
        fs.writeFileSync(path.join(at.node, "executor.pid"), pid);
        at.configure([conf.replaceAll("\0", "")]);
        expect(await at.run(prolog, [], "asan-prolog")).toEqual(silent);
      }),
      options,
    );
  }, 60_000);
});

test("every parser survives 100,000 generated inputs, and accepts some of them", () => {
  const program = path.join(pluginFolder, "asan", "fuzz");
  const said = execFileSync(program, ["100000", "20261127"], { encoding: "utf8" });
  const { accepted } = JSON.parse(said) as { accepted: Record<string, number> };
  expect(Object.keys(accepted)).toHaveLength(9);
  for (const count of Object.values(accepted)) expect(count).toBeGreaterThan(100);
}, 60_000);
