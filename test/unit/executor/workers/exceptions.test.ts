// The stack of an exception on a real node, as its user sees it: source maps are honoured, and the
// runtime's own frames are left out. What a call leaves behind interrupts other calls.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { build } from "esbuild";
import { callingNode, resultOf } from "../../../support/executor/calling-node.js";

const at = callingNode();

test("the stack of an exception is that of the user's TypeScript, by its source map", async () => {
  const text = `interface Shape { readonly width: number }
// a comment that the bundle has not

const areaOf = (shape: Shape | null): number => shape!.width ** 2;
export default (shape: Shape | null): number => areaOf(shape);
`;
  const folder = mkdtempSync(join(tmpdir(), "gleaner-typescript-"));
  writeFileSync(join(folder, "area.ts"), text);
  const { outputFiles } = await build({
    ...{ entryPoints: [join(folder, "area.ts")], outfile: join(folder, "index.mjs") },
    ...{ bundle: true, format: "esm", sourcemap: "inline", minifyWhitespace: true, write: false },
  });
  rmSync(folder, { recursive: true });
  const code = await at.function({ "index.mjs": outputFiles[0]!.text });
  const { answer } = await at.call(code, null);
  if (answer?.kind !== "exception") throw new Error(`no exception: ${JSON.stringify(answer)}`);
  expect(answer.error).toMatchObject({ type: "TypeError" });
  expect(answer.error.stack).toMatch(/at areaOf \(.*area\.ts:4:\d+\)\n.*area\.ts:5:\d+/);
  expect(answer.error.stack).not.toMatch(/glean-runtime|node:internal/);
});

test("a Python traceback has the user's frames alone", async () => {
  const code = await at.function(
    { "handler.py": "def inner():\n    return 1 / 0\ndef handler(event):\n    return inner()\n" },
    { runtime: "python" },
  );
  const { answer } = await at.call(code, {});
  if (answer?.kind !== "exception") throw new Error(`no exception: ${JSON.stringify(answer)}`);
  const { type, stack } = answer.error;
  expect(type).toBe("ZeroDivisionError");
  expect(
    stack?.match(/File ".*\/([^/]+)", line \d+/g)?.map((line) => line.split("/").at(-1)),
  ).toEqual(['handler.py", line 4', 'handler.py", line 2']);
});

/** Its first call leaves something behind, which does `does` once the second one runs. */
const leavingIn = {
  node: (does: string) => ({
    "index.mjs": `let go;
export default ({ what }) => {
  if (what === "leave") new Promise((resolve) => { go = resolve; }).then(() => { ${does}; });
  if (what === "run") { go(); return new Promise(() => {}); }
  return process.pid;
};`,
  }),
  python: (does: string) => ({
    "handler.py": `import os, threading
go = threading.Event()
def late():
    go.wait()
    ${does}
def handler(event):
    if event["what"] == "leave": threading.Thread(target=late).start()
    if event["what"] == "run":
        go.set()
        threading.Event().wait()
    return os.getpid()`,
  }),
};

test.each([
  ["node", "setTimeout(() => { throw new RangeError('late'); })", /uncaught .* RangeError: late/],
  ["node", "throw new TypeError('late')", /unhandled rejection .* TypeError: late/],
  ["node", "process.exit(3)", /the handler called process\.exit\(3\)/],
  ["python", "os._exit(3)", /the handler called os\._exit\(3\)/],
] as const)(
  "what a call in %s leaves behind and then does %s interrupts the other call, which is billed",
  async (runtime, does, why) => {
    const code = await at.function(leavingIn[runtime](does), { runtime });
    const leaving = at.order(code, { what: "leave" });
    const pid = resultOf(await at.node.finish(leaving));
    const next = await at.call(code, { what: "run" });
    expect(next).toMatchObject({ end: "FAILED", isInterrupted: true, exitCode: null });
    expect(next.reason).toContain(`because of what call ${leaving.invocation} left behind: `);
    expect(next.reason).toMatch(why);
    expect(resultOf(await at.call(code, { what: "again" }))).not.toBe(pid);
  },
);
