// Whether the node's hook finds this executor: only its own name counts, and any other answer is
// reported in a sentence.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { probeHook } from "../../../../src/executor/hook/probe.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "glean-probe-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function probe(script: string, plugin: readonly string[] = []): Promise<string | null> {
  const program = join(folder, "hook");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return probeHook(program, plugin, nodeName("n1"), executorId("x1"));
}

test("the hook is probed for this node, with the plugin's options", async () => {
  expect(await probe('test "$SLURMD_NODENAME $*" = "n1 --probe" && echo here x1')).toBeNull();
  const asked = 'test "$*" = "--probe /p.so conf=/c" && echo here x1';
  expect(await probe(asked, ["/p.so", "conf=/c"])).toBeNull();
});

test("a hook that finds another executor is reported", async () => {
  expect(await probe("echo here x2")).toMatch(
    /found another executor \("here x2"\): .*runDir matches this executor's$/,
  );
  expect(await probe("printf 'here x1'")).toMatch(/found another executor/);
});

test("a failing hook is reported with its first line, or the error of its start", async () => {
  expect(await probe("echo '  no socket' >&2; echo more >&2; echo out; exit 1")).toMatch(
    /does not work here: no socket$/,
  );
  expect(await probe("echo ' out '; exit 1")).toMatch(/does not work here: out$/);
  expect(await probe("exit 3")).toMatch(/does not work here: Command failed/);
  expect(await probe("echo here x1; exit 1")).toMatch(/does not work here/);
});

test("a hook that is missing or does not end is reported", async () => {
  const missing = probeHook(join(folder, "none"), [], nodeName("n1"), executorId("x1"));
  expect(await missing).toMatch(/none does not work here: .*ENOENT/);
  expect(await probe("exec sleep 100")).toMatch(/did not finish within 3 s/);
});
