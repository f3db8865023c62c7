// scripts/glean in a made-up checkout: when it builds, when it does not, and what it runs.

import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

const past = new Date("2020-01-01T00:00:00Z");
const later = new Date("2021-01-01T00:00:00Z");
const sources = [
  "src/cli",
  "src",
  "slurm-plugin",
  "package-lock.json",
  "scripts/build.mjs",
  "scripts/bundle/bundles.mjs",
  "scripts/bundle",
];

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gleaner-wrapper-"));
  for (const folder of ["scripts/lib", "scripts/bundle", "src/cli", "slurm-plugin", "dist"])
    mkdirSync(join(root, folder), { recursive: true });
  for (const name of ["scripts/glean", "scripts/lib/program.sh"]) cpSync(name, join(root, name));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
  write("scripts/lib/prepare.sh", 'touch "${0%/*}/../../built"');
  write("package-lock.json", "{}");
  write("scripts/build.mjs", "");
  write("scripts/bundle/bundles.mjs", "");
  write("src/cli/main.ts", "", past);
  for (const name of sources) utimesSync(join(root, name), past, past);
  write("dist/glean.cjs", "console.log(JSON.stringify([process.cwd(), ...process.argv.slice(2)]))");
  write("dist/.stamp", "", later);
});

afterEach(() => rmSync(root, { recursive: true }));

function write(name: string, text: string, time?: Date): void {
  writeFileSync(join(root, name), text);
  if (time) utimesSync(join(root, name), time, time);
}

const run = (program = join(root, "scripts/glean"), ...args: string[]): string[] =>
  JSON.parse(execFileSync(program, args, { cwd: tmpdir(), encoding: "utf8" }));
const wasBuilt = () => existsSync(join(root, "built"));

describe("scripts/glean", () => {
  test("runs the built program in the current folder with unchanged arguments", () => {
    const args = ["batch", "--wrap", "echo 'a  b' $HOME", ""];
    expect(run(undefined, ...args)).toEqual([realpathSync(tmpdir()), ...args]);
    expect(wasBuilt()).toBe(false);
  });

  test("passes on the functions that bash exports, and does not run $BASH_ENV", () => {
    write("dist/glean.cjs", 'console.log(JSON.stringify(process.env["BASH_FUNC_module%%"]))');
    write("noisy.sh", "echo noise");
    const environment = {
      PATH: process.env.PATH,
      "BASH_FUNC_module%%": "() {  echo loaded\n}",
      BASH_ENV: join(root, "noisy.sh"),
    };
    const output = execFileSync(join(root, "scripts/glean"), {
      env: environment,
      encoding: "utf8",
    });
    expect(JSON.parse(output)).toBe(environment["BASH_FUNC_module%%"]);
  });

  test("runs through a link, too", () => {
    symlinkSync(join(root, "scripts/glean"), join(root, "link"));
    expect(run(join(root, "link"), "queue").slice(1)).toEqual(["queue"]);
  });

  test.each([
    "src/cli/main.ts",
    "package-lock.json",
    "scripts/build.mjs",
    "scripts/bundle/bundles.mjs",
  ])("builds when %s is newer", (name) => {
    write(name, "");
    run();
    expect(wasBuilt()).toBe(true);
  });

  test("builds when a source was removed", () => {
    rmSync(join(root, "src/cli/main.ts"));
    run();
    expect(wasBuilt()).toBe(true);
  });

  test("builds when nothing was built yet", () => {
    rmSync(join(root, "dist/.stamp"));
    run();
    expect(wasBuilt()).toBe(true);
  });

  test("runs nothing when the build fails", () => {
    write("scripts/lib/prepare.sh", "exit 1");
    write("src/cli/main.ts", "");
    expect(() => run()).toThrow(expect.objectContaining({ status: 1, stdout: "" }));
  });
});
