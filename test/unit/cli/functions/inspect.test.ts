// `glean function test --inspect`: node's inspector and pdb stop in the user's own files, in which
// an editor sets its breakpoints, and nothing stays when the user leaves.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { makeBundles } from "../../../../scripts/bundle/bundles.mjs";
import { isGone } from "../../../../scripts/cluster/processes/gone.js";
import { writeTree } from "../../../support/bundle/bundles.js";
import { expectSentence, gleanWorld } from "../../../support/glean.js";

jest.setTimeout(60_000);
const world = gleanWorld();

beforeAll(async () => {
  await makeBundles(["glean-runtime-node"], world.folder, "1.2.3");
  cpSync("src/runtimes/python", join(world.folder, "glean-runtime-python"), { recursive: true });
}, 60_000);

let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(join(world.folder, "temporary-"));
  world.environment.TMPDIR = temporary;
});

function run(file: string, text: string, input = "") {
  mkdirSync(join(world.home, "tile"));
  writeTree(join(world.home, "tile"), { [file]: text });
  return world.start(["function", "test", "tile", "--input", '{"n": 7}', "--inspect"], input);
}

/** Resolves with what `shape` matches in what a process writes. */
function seen(child: ChildProcess, name: "stdout" | "stderr", shape: RegExp) {
  let text = "";
  return new Promise<RegExpExecArray>((resolve) =>
    child[name]!.on("data", (piece) => {
      text += piece;
      const found = shape.exec(text);
      if (found !== null) resolve(found);
    }),
  );
}

test("node waits for a debugger, which stops at the statement in the user's own file", async () => {
  const text =
    "export default (input) => {\n  const double = 2 * input.n;\n  debugger;\n  return double;\n};";
  const { child, end } = run("index.mjs", text);
  const [, place] = await seen(child, "stderr", /attach with node inspect (127\.0\.0\.1:\d+)/);
  const debuggerOf = spawn(process.execPath, ["inspect", place!]);
  await seen(debuggerOf, "stdout", /Break on start/);
  const own = realpathSync(join(world.home, "tile", "index.mjs"));
  const stopped = seen(debuggerOf, "stdout", new RegExp(`break in (file://)?${own}:3`));
  debuggerOf.stdin.write("cont\n");
  await stopped;
  debuggerOf.stdin.write("cont\n");
  expect(await end).toMatchObject({ status: 0, stdout: "14" });
  debuggerOf.kill("SIGKILL");
  await once(debuggerOf, "close");
});

const handler =
  "def handler(event):\n    double = 2 * event['n']\n    print('printed')\n    return double\n";

const commands = "p event\nn\nn\np double + 1\np __import__('os').path.realpath(__file__)\n";

test.each([
  ["a function", handler],
  ["a coroutine", `async ${handler}`],
])("pdb stops where %s begins, and steps", async (_what, text) => {
  const { end } = run("handler.py", text, `${commands}c\n`);
  const { status, stdout, stderr } = await end;
  expect(stderr).toContain(realpathSync(join(world.home, "tile", "handler.py")));
  expect([status, stdout]).toEqual([0, "14"]);
  expect(stderr).toMatch(/handler\.py\(2\)handler\(\)\n-> double = 2/);
  expect(stderr).toContain("{'n': 7}");
  // What the handler prints comes on its own way, before the prompt or behind it.
  expect(stderr).toMatch(/^(\(Pdb\) )?15\n/m);
  expect(stderr).toContain("printed\n");
});

/** Runs the program at once: no editor is there. */
const debugpy = `import runpy, sys
sys.argv = sys.argv[sys.argv.index("--wait-for-client") + 1:]
runpy.run_path(sys.argv[0], run_name="__main__")
`;

test("debugpy is found in the interpreter that the function's setup gives", async () => {
  const packages = join(world.home, "packages");
  mkdirSync(join(packages, "debugpy"), { recursive: true });
  writeTree(join(packages, "debugpy"), { "__init__.py": "", "__main__.py": debugpy });
  mkdirSync(join(world.home, "tile"));
  writeTree(join(world.home, "tile"), {
    "function.yaml": `setup: export PYTHONPATH=${packages}`,
    "handler.py": handler,
  });
  const { end } = world.start(["function", "test", "tile", "--input", '{"n": 7}', "--inspect"]);
  const { status, stdout, stderr } = await end;
  expect([status, stdout]).toEqual([0, "14"]);
  expect(stderr).toMatch(/attach an editor by debugpy$/m);
});

test("Ctrl-C ends a worker that waits for its debugger", async () => {
  const { child, end } = run("index.mjs", "export default () => 1;");
  await seen(child, "stderr", /attach with node inspect/);
  const tasks = `/proc/${child.pid}/task/${child.pid}/children`;
  const before = readFileSync(tasks, "utf8").split(" ").filter(Boolean);
  expect(before).toHaveLength(1);
  child.kill("SIGINT");
  expect(await end).toMatchObject({ status: 130, stdout: "" });
  expect(isGone(Number(before[0]))).toBe(true);
  expect(readdirSync(temporary)).toEqual([]);
});

test("refuses what has no debugger, and an input that the terminal may need", async () => {
  const { end } = run("lib.so", "");
  expect((await end).stderr).toMatch(/--inspect is for node and python/);
  const args = ["function", "test", "tile", "--input", "-", "--inspect"];
  expectSentence(await world.start(args).end, 2, /give the input as a file/);
});
