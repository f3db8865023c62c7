// What a worker starts with on a real node: the variables of its user, its locale, and whatever its
// function's setup does to both.

import { expect, test } from "@jest/globals";
import type { AttemptReport } from "../../../../src/wire/messages.js";
import { type CallChange, callingNode, resultOf } from "../../../support/executor/calling-node.js";

const at = callingNode();

type Environment = Record<string, string>;

let version = 1;
async function report(setup: string | null, change: CallChange = {}): Promise<AttemptReport> {
  // Another version for each call, which finds no warm worker.
  const text = `export default () => process.env; // ${version++}`;
  return await at.call(await at.function({ "index.mjs": text }, { setup }), null, change);
}

async function environmentAfter(
  setup: string | null,
  environment: Environment = { PATH: "/usr/local/bin:/usr/bin:/bin" },
): Promise<Environment> {
  return resultOf(await report(setup, { environment })) as Environment;
}

const nobody = { HOME: "/nonexistent", USER: "nobody", LOGNAME: "nobody" };

test("a worker has the variables of its user, unless the function has others", async () => {
  expect(await environmentAfter(null)).toMatchObject({ ...nobody, SHELL: "/usr/sbin/nologin" });
  const own = { HOME: "/srv/tile", USER: "tile" };
  expect(await environmentAfter(null, own)).toMatchObject({ ...own, LOGNAME: "nobody" });
});

test("a setup changes the environment and reads /etc/profile", async () => {
  const setup = [
    "export PATH=/opt/tool/bin:$PATH PYTHONPATH=/opt/tool/python",
    "export LD_LIBRARY_PATH=/opt/tool/lib LANG=de_DE.UTF-8",
  ].join("\n");
  expect(await environmentAfter(setup)).toMatchObject({
    ...nobody,
    PATH: expect.stringMatching(/^\/opt\/tool\/bin:.*\/usr\/bin/),
    PYTHONPATH: "/opt/tool/python",
    LD_LIBRARY_PATH: "/opt/tool/lib",
    LANG: "de_DE.UTF-8",
  });
});

test("the PATH of a function stands before its setup, whatever /etc/profile says", async () => {
  const { PATH } = await environmentAfter("true", { PATH: "/srv/bin:/usr/bin:/bin" });
  expect(PATH).toBe("/srv/bin:/usr/bin:/bin");
});

test("a setup may use descriptor 3 and source what looks at arguments", async () => {
  const setup = [
    "exec 3>/dev/null; echo garbage >&3",
    "echo 'export GIVEN=$#; set -- one two' >/tmp/$$.sh; . /tmp/$$.sh; rm /tmp/$$.sh",
  ].join("\n");
  expect(await environmentAfter(setup)).toMatchObject({ GIVEN: "0" });
});

test.each([
  ["fails", "echo 'no module hdf5' >&2; (exit 3)", 3],
  ["exits", "echo 'no module hdf5' >&2; exit 0", 0],
  ["stops at its first error", "set -e; echo 'no module hdf5'; false; true", 1],
])("a setup that %s fails the call with what it printed", async (_how, setup, status) => {
  const { end, reason, answer, log } = await report(setup);
  expect({ end, answer }).toMatchObject({
    end: "FAILED",
    answer: { kind: "notLoaded", error: { type: "SetupFailed" } },
  });
  expect(reason).toContain(`the setup ended with status ${status} before the worker was ready`);
  expect(Buffer.from(log!).toString()).toContain("no module hdf5");
});

test.each([
  ["names its own line", "true\necho $((1 + 09))", /^setup: line 2: .*value too great/],
  ["leaves no PATH", "PATH=/nowhere", /^setup: python3 is not in the PATH .*: \/nowhere$/],
])("a setup that %s is told so in the log", async (_what, setup, line) => {
  const code = { "handler.py": "def handler(event): pass" };
  const at3 = await at.function(code, { runtime: "python", setup, fork: false });
  const { end, log } = await at.call(at3);
  expect(end).toBe("FAILED");
  expect(Buffer.from(log!).toString().trim()).toMatch(line);
});

test("a setup that hangs ends with the time limit of the call, with all that it started", async () => {
  let timeLimitMs = 700;
  const hang = () => report("sleep 600 & sleep 600", { timeLimitMs });
  let ended = await hang();
  // On a loaded machine bash may not even begin within the limit.
  for (; ended.end === "EVICTED"; ended = await hang()) timeLimitMs *= 2;
  expect(ended).toMatchObject({
    end: "TIMEOUT",
    reason: expect.stringMatching(
      /^it reached its time limit of \d+ ms before its worker was ready: make its setup/,
    ),
  });
});

test("a setup may print much, of which the call's log keeps the end", async () => {
  const { end, log } = await report("seq 1 300000; echo the end of it");
  expect(end).toBe("COMPLETED");
  const text = Buffer.from(log!).toString();
  expect(text).toMatch(/^\[the first \d+ bytes were dropped\]\n/);
  expect(text).toMatch(/300000\nthe end of it\n$/);
});

test("a setup brings the python of a function by PATH", async () => {
  const setup = `mkdir -p "/tmp/bin.$$" && cd "/tmp/bin.$$" || exit
printf '#!/bin/sh\\nBROUGHT=yes exec /usr/bin/python3 "$@"\\n' > python3
chmod +x python3
export PATH=$PWD:$PATH BIN=$PWD
cd "$OLDPWD"`;
  const text = `import os, shutil
def handler(event):
    shutil.rmtree(os.environ["BIN"])
    return os.environ.get("BROUGHT")
`;
  const code = await at.function({ "handler.py": text }, { runtime: "python", setup, fork: false });
  const { answer } = await at.call(code);
  expect(answer).toMatchObject({ kind: "result", payload: { body: Buffer.from("yes") } });
});
