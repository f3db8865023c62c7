// glean map and the answers of calls, beside a made-up daemon: inputs of each kind, results in
// order, failures that are called again, interruption.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import type { PayloadText } from "../../../../src/wire/api/types.js";
import {
  type Answer,
  expectSentence,
  gleanWorld,
  invocation,
  type Request,
  streamedMap,
} from "../../../support/glean.js";

const world = gleanWorld();
const json = (value: unknown) => ({ contentType: "application/json", text: JSON.stringify(value) });
const error = { type: "ValueError", message: "bad", stack: "  at f (index.mjs:1:1)" };

/** The maps that the daemon has accepted. */
let maps: { id: number; function: string; inputs: PayloadText[]; asked: number }[];
/** What a task ends with; null: it does not end. */
let outcomeOf: (input: PayloadText) => object | null;
const result = (payload: PayloadText) => ({
  state: "COMPLETED",
  answer: { kind: "result", payload },
});
const exception = { state: "FAILED", answer: { kind: "exception", error } };

beforeEach(() => {
  maps = [];
  outcomeOf = ({ text }) => result(json({ got: JSON.parse(text!) }));
  world.answers["POST /v1/cancel"] = () => ({ body: { cancelled: 1, problems: [] } });
  world.answers["POST /v1/maps/stream"] = (request) => {
    const id = 42 + maps.length;
    const { inputs, function: called } = streamedMap(request);
    maps.push({ id, function: called, inputs, asked: 0 });
    world.answers[`GET /v1/maps/${id}/results`] = ({ url }) => {
      const map = maps.find((each) => each.id === id)!;
      map.asked++;
      const after = Number(new URL(url, "http://x").searchParams.get("after"));
      const ends = map.inputs.flatMap((input, task) => {
        const end = outcomeOf(input);
        return end === null ? [] : [{ task, reason: null, ...end }];
      });
      const next = ends.length;
      return { body: { results: ends.slice(after), next, isComplete: next === inputs.length } };
    };
    return { body: { id, tasks: inputs.length } };
  };
});

const glean = (args: string[], input = "") => world.start(args, input).end;
const lines = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("calls the function for each line, and prints the results in order", async () => {
  world.script('{"x":1}\n\n[2]\n"three"\n', "in.ndjson");
  const { status, stdout, stderr } = await glean(["map", "ada/tile@prod", "--inputs", "in.ndjson"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(lines(stdout)).toEqual(
    [{ x: 1 }, [2], "three"].map((got, index) => ({
      ...{ index, id: `42_${index}`, ok: true },
      value: { got },
    })),
  );
  expect(maps[0]!.function).toBe("ada/tile@prod");
});

test("reads standard input, and writes a file", async () => {
  const args = ["map", "tile", "--inputs", "-", "--output", "out.ndjson"];
  expect(await glean(args, "1\n2\n")).toMatchObject({ status: 0, stdout: "", stderr: "" });
  expect(lines(readFileSync(join(world.home, "out.ndjson"), "utf8"))).toHaveLength(2);
});

test("reads a folder by name, and writes one file for each result", async () => {
  mkdirSync(join(world.home, "in/below"), { recursive: true });
  for (const name of ["b.json", "a.json", ".hidden"])
    writeFileSync(join(world.home, "in", name), `"${name}"`);
  writeFileSync(join(world.home, "in/c.bin"), Buffer.from([255, 0]));
  outcomeOf = (input) => (input.text === '"b.json"' ? exception : result(input));
  const { status, stderr } = await glean(["map", "f", "--inputs", "in", "--output", "out/"]);
  expect(status).toBe(1);
  expect(stderr).toContain('glean: note: folders in "in" are not read, such as below');
  expect(maps[0]!.inputs.map(({ text, base64 }) => text ?? base64)).toEqual([
    '"a.json"',
    '"b.json"',
    "/wA=",
  ]);
  const out = join(world.home, "out");
  expect(readdirSync(out).sort()).toEqual(["a.json", "b.json.error.json", "c.bin"]);
  expect(readFileSync(join(out, "c.bin"))).toEqual(Buffer.from([255, 0]));
});

test.each([
  [
    "/dev/full",
    1,
    "/dev/full cannot be written: ENOSPC: no space left on device, write: calls that",
  ],
  [
    "no/such.ndjson",
    0,
    "no/such.ndjson cannot be written: ENOENT: no such file or directory, open",
  ],
  ["in.ndjson/out/", 0, "in.ndjson/out/ cannot be written: ENOTDIR: not a directory, mkdir"],
])("says that --output %s cannot be written, after %d maps", async (output, made, sentence) => {
  writeFileSync(join(world.home, "in.ndjson"), "1\n2\n");
  const { status, stderr } = await glean(["map", "f", "--inputs", "in.ndjson", "--output", output]);
  expect(stderr).toContain(`glean: --output ${sentence}`);
  expect([status, maps.length]).toEqual([1, made]);
});

test("refuses inputs of which one has the name for the other's error", async () => {
  mkdirSync(join(world.home, "in"), { recursive: true });
  for (const name of ["a", "a.error.json", "a.json"])
    writeFileSync(join(world.home, "in", name), "1");
  const map = ["map", "f", "--inputs", "in", "--output"];
  const refused = await glean([...map, "out/"]);
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain('--output out/: "a.error.json" is the result of an input and');
  expect([maps.length, existsSync(join(world.home, "out"))]).toEqual([0, false]);
  expect((await glean([...map, "out.ndjson"])).status).toBe(0);
});

test.each<[string, string, (path: string) => void]>([
  ["a pipe", "it is no regular file", (path) => execFileSync("mkfifo", [path])],
  ["a link to nothing", "it cannot be read (ENOENT", (path) => symlinkSync("nowhere", path)],
  ["a device", "it is no regular file", (path) => symlinkSync("/dev/zero", path)],
  [
    "a file that is too large",
    "it has 67108865 bytes and the limit of an input is 67108864",
    (path) => {
      writeFileSync(path, "");
      truncateSync(path, 64 * 1024 * 1024 + 1);
    },
  ],
])("a folder with %s is refused before the first call", async (_what, why, make) => {
  mkdirSync(join(world.home, "odd"));
  writeFileSync(join(world.home, "odd/good"), "1");
  make(join(world.home, "odd/wrong"));
  const { status, stderr } = await glean(["map", "f", "--inputs", "odd"]);
  expect(status).toBe(2);
  expect(stderr).toContain(`--inputs: "wrong" in "odd" is no input, since ${why}`);
  expect(maps).toEqual([]);
});

test("results do not replace the inputs, by whatever name", async () => {
  mkdirSync(join(world.home, "photos"));
  writeFileSync(join(world.home, "photos/a"), "1");
  symlinkSync("photos", join(world.home, "same"));
  writeFileSync(join(world.home, "lines"), "1\n2\n");
  for (const [inputs, output] of [
    ["photos", "same/"],
    ["lines", "./lines"],
  ] as const) {
    const refused = await glean(["map", "f", "--inputs", inputs, "--output", output]);
    expectSentence(refused, 2, /is where the inputs are, and results would replace them/);
  }
  expect(readFileSync(join(world.home, "photos/a"), "utf8")).toBe("1");
  expect(readFileSync(join(world.home, "lines"), "utf8")).toBe("1\n2\n");
  expect(maps).toEqual([]);
});

test("a file whose name is not UTF-8 is refused in a sentence", async () => {
  const folder = Buffer.from(`${join(world.home, "odd")}/`);
  mkdirSync(folder);
  writeFileSync(Buffer.concat([folder, Buffer.from([0xff])]), "1");
  const { status, stderr } = await glean(["map", "f", "--inputs", "odd"]);
  expect(status).toBe(2);
  expect(stderr).toMatch(/in "odd" is no input, since its name is not UTF-8: rename it/);
});

test("says how many failed, and how they are called again", async () => {
  outcomeOf = (input) => (input.text === "2" ? exception : result(input));
  const { status, stdout, stderr } = await glean(["map", "f", "--inputs", "-"], "1\n2\n");
  expect(status).toBe(1);
  expect(lines(stdout)[1]).toEqual({
    ...{ index: 1, id: "42_1", ok: false },
    error: { code: "FUNCTION", type: "ValueError", message: "bad", stack: error.stack },
  });
  expect(stderr).toBe(
    "glean: 1 of 2 calls failed (the first: call 42_1: bad); call those again with glean map --retry-failed 42\n",
  );
});

/** The map 7, as it ended. */
function oldMap(results: (request: Request) => Answer): void {
  const command = { kind: "call", function: "ada/tile" };
  const first = invocation({ id: 7, arrayJobId: 7, arrayTaskId: 0 });
  world.answers["GET /v1/invocations/7"] = () => ({
    body: { invocation: first, submission: { command }, attempts: [] },
  });
  let asked = 0;
  world.answers["GET /v1/maps/7/results"] = (request) =>
    ++asked > 2 ? { body: { results: [], next: 3, isComplete: false } } : results(request);
}

test.each<[string, string, string]>([
  ["a number over 2^53", "9007199254740993", "9007199254740993"],
  ["a decimal", "2.0", "2.0"],
  ["several lines", '{\n  "a": 1e400,\r\n  "b": "x"\n}\n', '{   "a": 1e400,   "b": "x" }'],
])("prints %s exactly as it came", async (_, text, line) => {
  outcomeOf = () => result({ contentType: "application/json", text });
  const { stdout } = await glean(["map", "f", "--inputs", "-"], "1\n");
  expect(stdout).toBe(`{"index":0,"id":"42_0","ok":true,"value":${line}}\n`);
  await glean(["map", "f", "--inputs", "-", "--output", "exact/"], "1\n");
  expect(readFileSync(join(world.home, "exact/0.json"), "utf8")).toBe(text);
});

test("--retry-failed calls only what failed, with the inputs that were kept", async () => {
  const ends = [3, 5, 8].map((task) => ({
    ...{ task, state: task === 5 ? "COMPLETED" : "FAILED", reason: null, answer: null },
  }));
  const pages = [ends.slice(0, 2), ends.slice(2)];
  oldMap(({ url }) => {
    const isFirst = url.includes("after=0");
    const next = isFirst ? 2 : 3;
    return { body: { results: pages[isFirst ? 0 : 1], next, isComplete: false } };
  });
  for (const task of [3, 8])
    world.answers[`GET /v1/invocations/7_${task}/input`] = () => ({ body: json(task) });
  const { status, stdout } = await glean(["map", "--retry-failed", "7"]);
  expect(status).toBe(0);
  expect(maps[0]).toMatchObject({ function: "ada/tile", inputs: [json(3), json(8)] });
  expect(lines(stdout)).toMatchObject([
    { index: 0, retryOf: "7_3", value: { got: 3 } },
    { index: 1, retryOf: "7_8", value: { got: 8 } },
  ]);
});

test("--retry-failed has nothing to do if nothing failed", async () => {
  oldMap(() => ({ body: { results: [], next: 0, isComplete: true } }));
  expectSentence(await glean(["map", "--retry-failed", "7"]), 0, /no call of 7 failed/);
});

test("Ctrl-C cancels the calls that have not ended", async () => {
  outcomeOf = (input) => (input.text === "1" ? result(input) : null);
  const { child, end } = world.start(["map", "f", "--inputs", "-"], "1\n2\n");
  child.stdout.once("data", () => child.kill("SIGINT"));
  const { status, stderr } = await end;
  expect(status).toBe(130);
  expect(stderr).toBe("glean: interrupted after 1 results: the other calls are cancelled\n");
  expect(world.requests.find(({ url }) => url === "/v1/cancel")?.body).toEqual({ ids: ["42"] });
});

test("Ctrl-C cancels the call that invoke waits for", async () => {
  const { child, end } = world.start(["invoke", "f", "--input", "1"]);
  const asked: unknown[] = [];
  world.answers["POST /v1/calls"] = ({ body }) => {
    asked.push(body);
    return { body: { id: 42, invocation: null, answer: null } };
  };
  world.answers["GET /v1/invocations/42/outcomes"] = () => {
    child.kill("SIGINT");
    return { body: { outcomes: [] } };
  };
  const { status, stderr } = await end;
  expect([status, stderr]).toEqual([130, "glean: interrupted: call 42 is cancelled\n"]);
  expect(world.requests.at(-1)).toMatchObject({ url: "/v1/cancel", body: { ids: ["42"] } });
  const [first, again] = asked as { requestId: string; waitMs: number }[];
  expect(again).toMatchObject({ requestId: first!.requestId, waitMs: 0 });
});

test("--async prints the ids and does not wait", async () => {
  expect(await glean(["map", "f", "--inputs", "-", "--async"], "1\n2\n")).toMatchObject({
    ...{ status: 0, stdout: "42\n", stderr: "" },
  });
  expect(maps[0]).toMatchObject({ asked: 0, inputs: [json(1), json(2)] });
});

test.each<[string[], RegExp]>([
  [["f"], /give --inputs or --retry-failed/],
  [["f", "--inputs", "in.ndjson", "--retry-failed", "7"], /and not both/],
  [["--inputs", "in.ndjson"], /name the function to call/],
  [["f", "--inputs", "nothing"], /there is no file or folder "nothing"/],
  [["f", "--inputs", "in.ndjson"], /line 2 of "in.ndjson" is not JSON/],
  [["f", "--inputs", "empty"], /"empty" has no line/],
])("map %p is refused before the first call", async (args, sentence) => {
  world.script("1\n{\n", "in.ndjson");
  world.script("", "empty");
  expectSentence(await glean(["map", ...args]), 2, sentence);
  expect(maps).toEqual([]);
});

const shown = (change: object) => {
  const of = invocation({ id: 9, ...change });
  world.answers["GET /v1/invocations/9"] = () => ({
    body: {
      invocation: of,
      submission: { command: { kind: "call", function: "a/f", version: "abc" } },
      attempts: [],
    },
  });
};

test("show --answer prints a result as it is, and --log what was printed", async () => {
  shown({ state: "COMPLETED" });
  const payload = { contentType: "text/plain", text: "the result" };
  world.answers["GET /v1/invocations/9/answer"] = () => ({
    body: { state: "COMPLETED", answer: { kind: "result", payload } },
  });
  world.answers["GET /v1/invocations/9/log"] = () => ({
    body: { text: "hello\n", next: 6, attempt: 1, isOver: true },
  });
  const answer = await glean(["show", "9", "--answer"]);
  expect(answer).toEqual({ status: 0, stdout: "the result", stderr: "" });
  expect(await glean(["show", "9", "--log"])).toEqual({ status: 0, stdout: "hello\n", stderr: "" });
});

test("show names the function and its version, and no files of a command", async () => {
  shown({ state: "COMPLETED" });
  const { stdout } = await glean(["show", "9"]);
  expect(stdout).toContain("   Function=a/f Version=abc\n");
  expect(stdout).not.toMatch(/Command=|WorkDir=|StdOut=/);
});

test("show --answer says why there is none", async () => {
  world.answers["GET /v1/invocations/9/answer"] = () => ({
    body: { state: "RUNNING", answer: null },
  });
  shown({ state: "RUNNING" });
  expectSentence(await glean(["show", "9", "--answer"]), 1, /call 9: it is RUNNING/);
});

test.each([
  ["printed something", "going\n", "glean: note: what it printed before: glean show 9 --log\n"],
  ["printed nothing, or never ran", "", ""],
])("show --answer of a call that %s and has no answer", async (_what, text, note) => {
  shown({ state: "FAILED", reason: "it was killed by signal 11" });
  world.answers["GET /v1/invocations/9/answer"] = () => ({
    body: { state: "FAILED", answer: null },
  });
  world.answers["GET /v1/invocations/9/log"] = () => ({
    body: { text, next: text.length, attempt: 1, isOver: true },
  });
  const { stderr } = await glean(["show", "9", "--answer"]);
  expect(stderr).toBe(`glean: call 9: it was killed by signal 11\n${note}`);
});

test("show --answer of a map prints a line for each answer, page by page", async () => {
  shown({ state: "COMPLETED", arrayJobId: 9, arrayTaskId: 0 });
  world.answers["GET /v1/invocations/9/answers"] = ({ url }) => {
    const isFirst = url.endsWith("after=-1");
    const task = isFirst ? 0 : 5;
    const answer = isFirst ? { kind: "result", payload: json("a") } : { kind: "exception", error };
    return { body: { answers: [{ task, answer }], next: isFirst ? 0 : null } };
  };
  const { status, stdout } = await glean(["show", "9", "--answer"]);
  expect(status).toBe(1);
  expect(lines(stdout)).toMatchObject([
    { index: 0, id: "9_0", ok: true, value: "a" },
    { index: 5, id: "9_5", ok: false, error: { type: "ValueError" } },
  ]);
});

test.each<[string, boolean]>([
  ["photo.jgp", true],
  ["../in/7", true],
  ["3.14", false],
  ["two words.", false],
])("an input %j is told to be no file: %p", async (input, isTold) => {
  const { stderr } = await glean(["invoke", "f", "--input", input]);
  const note = `glean: note: there is no file ${input}: its name is the input\n`;
  expect(stderr.includes(note)).toBe(isTold);
});

test.each([
  ['{"a": 1', [], true],
  [" [1, 2", [], true],
  ['{"a": 1', ["--type", "text/plain"], false],
  ["{}", [], false],
  ["two words", [], false],
])("an input %j with %j is told to be broken JSON: %p", async (input, more, isTold) => {
  const { stderr } = await glean(["invoke", "f", "--input", input, ...more]);
  expect(/the input is not JSON \(.+\), so it is sent as text/.test(stderr)).toBe(isTold);
});
