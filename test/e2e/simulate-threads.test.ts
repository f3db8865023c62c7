// glean simulate as it is built: several replays at once, each in a thread, give what each gives
// alone.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "@jest/globals";

const folder = mkdtempSync(join(tmpdir(), "gleaner-simulate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const holes = join(folder, "holes");
writeFileSync(holes, "a,0,600\nb,100,400\nb,500,900\n");

function glean(...args: string[]) {
  const program = resolve("dist/glean.cjs");
  const options = [program, "simulate", "--holes", holes, "--cores-per-node", "4", ...args];
  return spawnSync(process.execPath, options, { encoding: "utf8" });
}
const figures = (text: string) => ({ ...JSON.parse(text), wallMs: 0, maxRssMb: 0 });

test("replays in threads give the figures of single ones, in the order of the options", () => {
  const demand = ["--call", "exponential:5s", "--json", "--policy"];
  const alone = ["prediction", "none"].map((policy) => figures(glean(...demand, policy).stdout));
  const { runs } = JSON.parse(glean(...demand, "prediction", "--policy", "none").stdout);
  const together = runs.map(({ run: _, ...result }: object & { run: string }) =>
    figures(JSON.stringify(result)),
  );
  expect(together).toEqual(alone);
}, 60_000);

test("what a thread refuses is one sentence", () => {
  const { status, stderr } = glean("--call-memory", "900G", "--sweep", "poll=1s,2s");
  expect(status).toBe(2);
  expect(stderr).toMatch(/^glean: no node has memory for a call of 921600 MB: [^\n]+\n$/);
}, 60_000);
