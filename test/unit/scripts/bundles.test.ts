// What the bundles omit: programs whose start somebody waits for do not load zod, although the
// types come from its shapes.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { makeBundles } from "../../../scripts/bundle/bundles.mjs";

const folder = mkdtempSync(join(tmpdir(), "gleaner-bundles-"));
const quick = ["glean-program", "glean-batch", "glean-executor"];
beforeAll(() => makeBundles([...quick, "glean-config"], folder, "1.2.3"));
afterAll(() => rmSync(folder, { recursive: true }));

const holdsZod = (name: string) =>
  readFileSync(join(folder, `${name}.cjs`), "utf8").includes("Zod");

test.each(quick)("%s holds no zod", (name) => expect(holdsZod(name)).toBe(false));

test("the part of glean that reads the configuration holds zod", () =>
  expect(holdsZod("glean-config")).toBe(true));

test("the program of `glean batch` holds no other command", () => {
  const text = readFileSync(join(folder, "glean-batch.cjs"), "utf8");
  expect(text).toContain("commands/work/batch.ts");
  expect(text).not.toContain("commands/work/queue.ts");
});

test("the program of `glean batch` does not load node's sockets", () => {
  const program = `
    process.argv.splice(1, 0, "glean", "batch", "--config", "/none", "--wrap", "true");
    process.on("exit", () => console.log(process.moduleLoadList.join("\\n")));
    require("${join(folder, "glean.cjs")}");`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
  expect(stderr).toContain("cannot read /none");
  const loaded = stdout.split("\n");
  expect(loaded).toContain("NativeModule fs");
  expect(loaded).not.toContain("NativeModule net");
});
