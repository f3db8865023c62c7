// libgleaner as a package: installed to an empty folder, found by pkg-config, and used from C++ and
// Fortran.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { runClient } from "../../support/runtimes/c-client.js";
import { compileLibrary } from "../../support/runtimes/c-runtimes.js";
import { bundleOf } from "../../support/runtimes/runtime-process.js";
import { startServing, stopServing } from "../../support/runtimes/serving.js";

const library = resolve(import.meta.dirname, "../../../src/sdk/c");
const folder = mkdtempSync(join(tmpdir(), "gleaner-c-"));
const prefix = join(folder, "prefix");
const run = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { encoding: "utf8", stdio: "pipe", cwd: folder });
const pkgConfig = (...options: readonly string[]): string => {
  const env = { ...process.env, PKG_CONFIG_PATH: join(prefix, "lib/pkgconfig") };
  return execFileSync("pkg-config", [...options, "gleaner"], { env, encoding: "utf8" }).trim();
};
const flags = () => [...pkgConfig("--cflags", "--libs").split(" "), `-Wl,-rpath,${prefix}/lib`];

beforeAll(() => {
  run("make", ["-s", "-C", library, `OUT=${folder}/build`, `PREFIX=${prefix}`, "install"]);
}, 60_000);
afterEach(stopServing);
afterAll(() => rmSync(folder, { recursive: true }));

const echo = `#include <stdint.h>
#include <string.h>
uint32_t handler(const void *in, uint32_t size, void *out)
{
	if (size == 4 && memcmp(in, "fail", 4) == 0) return 1u << 31;
	memcpy(out, in, size);
	return size;
}`;

async function answerTo(program: string): Promise<string> {
  const code = bundleOf({});
  compileLibrary(code, echo);
  return await runClient([program], [(await startServing("native", code)).endpoint]);
}

test("has the version of all of Gleaner, as its page says", () => {
  const root = join(library, "../../..");
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(pkgConfig("--modversion")).toBe(version);
  const page = readFileSync(join(root, "docs/guide/c.md"), "utf8");
  expect(/--modversion gleaner\n(.*)\n/.exec(page)?.[1]).toBe(version);
});

test("C++ has leases that end with their scope, and exceptions", async () => {
  const program = join(folder, "cpp");
  const source = join(library, "test/example.cpp");
  run("g++", ["-std=c++17", "-Wall", "-Wextra", "-Werror", source, ...flags(), "-o", program]);
  expect(await answerTo(program)).toBe("ok\n5\n");
}, 30_000);

test("Fortran has a module", async () => {
  const program = join(folder, "fortran");
  const sources = [join(prefix, "include/gleaner.f90"), join(library, "test/example.f90")];
  run("gfortran", ["-std=f2008", "-Wall", ...sources, ...flags(), "-o", program]);
  const said = (await answerTo(program)).split("\n");
  expect(said).toEqual([
    "the output is NULL, and has room for 8 bytes",
    "OutputTooLarge: the function returned 2147483648 bytes; the limit is 67108864",
    "ok",
    "",
  ]);
}, 30_000);
