// `glean function`: what is packed and sent, what function.yaml may say, how functions are shown.

import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { readBundle } from "../../../src/bundle/read.js";
import type { RequestedSettings } from "../../../src/model/functions/settings.js";
import { invocationId } from "../../../src/model/ids.js";
import type { Invocation } from "../../../src/model/invocation.js";
import { inChunks, writeTree } from "../../support/bundle/bundles.js";
import { expectSentence, gleanWorld, refusal } from "../../support/glean.js";
import { invocation } from "../../support/nouns.js";

const world = gleanWorld();
const glean = (...args: string[]) => world.start(["function", ...args]).end;
const version = "3f2a9c01".repeat(8);

/** A folder beside the others of this test. */
function code(name: string, tree: Parameters<typeof writeTree>[1]): string {
  mkdirSync(join(world.home, name));
  writeTree(join(world.home, name), tree);
  return name;
}

beforeEach(() => {
  const { answers } = world;
  world.answers = new Proxy(answers, {
    get: (all, route: string) =>
      route.startsWith("PUT /v1/blobs/")
        ? ({ bytes }: { bytes: Buffer }) => {
            expect(createHash("sha256").update(bytes).digest("hex")).toBe(route.slice(14));
            return { body: { sha256: route.slice(14), bytes: bytes.length, isNew: true } };
          }
        : all[route],
  });
  checkEnds({ state: "COMPLETED" }, loaded);
  world.answers["POST /v1/functions"] = ({ body }) => ({
    body: { owner: "ada", name: body.name, version: body.bundle, isNew: true, removed: [] },
  });
});

/** The check is invocation 9, and ends so. */
function checkEnds(change: Partial<Invocation>, answer: object | null, printed = ""): void {
  const checked = invocation({ id: invocationId(9), ...change });
  world.answers["POST /v1/checks"] = () => ({ body: { id: 9, invocation: checked, answer } });
  world.answers["POST /v1/cancel"] = () => ({ body: { cancelled: 1, problems: [] } });
  const detail = () => ({ body: { invocation: checked, attempts: [] } });
  world.answers["GET /v1/invocations/9"] = detail;
  world.answers["GET /v1/invocations/9/wait"] = () => ({ body: { invocations: [cancelled] } });
  world.answers["GET /v1/invocations/9/answer"] = () => ({ body: { state: "FAILED", answer } });
  world.answers["GET /v1/invocations/9/log"] = () => ({ body: { text: printed } });
}
const loaded = { kind: "result", payload: { contentType: "", base64: "" } };
const cancelled = invocation({ id: invocationId(9), state: "CANCELLED" });
const deployed = () =>
  world.requests.filter(({ url, body }) => url === "/v1/functions" && !body.testOnly);

/** The names and the settings in the bundle that was sent. */
async function sent(): Promise<{ names: string[]; settings: RequestedSettings }> {
  const { bytes } = world.requests.findLast(({ method }) => method === "PUT")!;
  const names: string[] = [];
  let manifest = "";
  for await (const { name, content } of readBundle(inChunks(bytes, 10_000))) {
    if (names.length === 0) for await (const chunk of content) manifest += chunk;
    names.push(name);
  }
  return { names: names.slice(1), settings: JSON.parse(manifest).settings };
}

describe("a check before the deploy", () => {
  beforeEach(() => void world.script("", "main.py"));
  const deploy = (...more: string[]) =>
    glean("deploy", "t", "main.py", "--runtime", "python", ...more);
  const error = { type: "ImportError", message: "No module named x", stack: "main.py:1" };

  test("that fails is told in the language's words, and nothing is deployed", async () => {
    checkEnds({ state: "FAILED", reason: "…" }, { kind: "notLoaded", error }, "importing\n");
    const { status, stdout, stderr } = await deploy();
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /importing\nglean: t was not deployed, since its code cannot be loaded: ImportError: No module named x\nmain\.py:1\n$/,
    );
    expect(deployed()).toEqual([]);
  });

  test("is not made for what gleanerd refuses", async () => {
    world.answers["POST /v1/functions"] = () => refusal(404, "NOT_FOUND", "there is no group hep");
    expectSentence(await deploy("--share", "group:hep"), 1, /there is no group hep/);
    expect(world.requests.filter(({ url }) => url === "/v1/checks")).toEqual([]);
    const asked = world.requests.filter(({ url }) => url === "/v1/functions");
    expect(asked.map(({ body }) => body)).toMatchObject([
      { name: "t", sharing: "group:hep", testOnly: true },
    ]);
  });

  test("without an answer is told by why the check ended", async () => {
    checkEnds({ state: "TIMEOUT", reason: "it reached its time limit" }, null);
    expect((await deploy()).stderr).toMatch(/cannot be loaded: it reached its time limit\n/);
    expect(deployed()).toEqual([]);
  });

  test("that finds no hole is cancelled, and says what to do", async () => {
    checkEnds({ state: "PENDING" }, null);
    const sentence = /no hole could run the check within 30 s, so nothing was deployed: check on/;
    expectSentence(await deploy(), 1, sentence);
    expect(world.requests.find(({ url }) => url === "/v1/cancel")!.body.ids).toEqual(["9"]);
    expect(deployed()).toEqual([]);
  });

  test("that answers while it is cancelled counts", async () => {
    checkEnds({ state: "PENDING" }, loaded);
    expect((await deploy()).status).toBe(0);
    expect(deployed()).toHaveLength(1);
  });

  test("is left out with --check none, also in function.yaml", async () => {
    const path = code("plain", { "index.mjs": "", "function.yaml": "check: none" });
    for (const args of [["main.py", "--check", "none"], [path]])
      expect((await glean("deploy", "t", ...args)).status).toBe(0);
    expect(world.requests.filter(({ url }) => url === "/v1/checks")).toEqual([]);
    const where = await glean("deploy", "t", "main.py", "--check", "here");
    expectSentence(where, 2, /--check: invalid value "here": expected hole, local or none/);
  });
});

describe("deploy", () => {
  test("sends the bundle and then the request, and says which runtime it guessed", async () => {
    const path = code("tile", { "main.py": "x", "lib/util.py": "", ".git/x": "" });
    const { status, stdout, stderr } = await glean("deploy", "tile", path);
    expect(status).toBe(0);
    expect(stderr).toBe("glean: note: the runtime is python, because of main.py\n");
    const { body } = world.requests.findLast(({ url }) => url === "/v1/functions")!;
    expect(body).toEqual({
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: "tile",
      bundle: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(stdout).toBe(`Deployed ada/tile@${body.bundle.slice(0, 12)}\n`);
    expect(await sent()).toMatchObject({
      names: ["lib/util.py", "main.py"],
      settings: { runtime: "python", cores: 1, memoryMb: null, fork: true, environment: {} },
    });
  });

  test("takes all options from the command line", async () => {
    world.script("#!/bin/sh\n", "run.sh");
    const options = [
      ...["--runtime", "python", "--handler", "run.sh:f", "-c", "2", "--mem", "2G", "--gpus", "1"],
      ...["-t", "20s", "--concurrency", "3", "--env", "A=1", "--env", "B=x=y", "--min-warm", "4"],
      ...["--idle-timeout", "5m", "--share", "group:hep", "--python", "/opt/py"],
      ...["--setup", "module load x", "--image", "/images/x", "--no-fork"],
    ];
    expect((await glean("deploy", "t", "run.sh", ...options)).status).toBe(0);
    expect((await sent()).settings).toEqual({
      ...{ runtime: "python", handler: "run.sh:f", cores: 2, memoryMb: 2_048, gpus: 1 },
      ...{ timeLimitMs: 20_000, concurrency: 3, environment: { A: "1", B: "x=y" }, minWarm: 4 },
      ...{ idleTimeoutMs: 300_000, python: "/opt/py", setup: "module load x", image: "/images/x" },
      fork: false,
    });
    expect(world.requests.at(-1)!.body.sharing).toBe("group:hep");
  });

  test("reads function.yaml, and the command line overrides it", async () => {
    const yaml = [
      "runtime: node",
      "cpus-per-task: 2",
      "mem: 1G",
      "time: 30s",
      "env:",
      "  A: 1",
      "  B: two",
      "share: all",
      "setup: |",
      "  module load a",
      "  module load b",
      "",
    ].join("\n");
    const path = code("tile", { "main.py": "x", "function.yaml": yaml });
    const { status, stderr } = await glean("deploy", "t", path, "--mem", "2G", "--env", "B=3");
    expect([status, stderr]).toEqual([0, ""]);
    const { names, settings } = await sent();
    expect(names).toEqual(["main.py"]);
    expect(settings).toMatchObject({
      ...{ runtime: "node", cores: 2, memoryMb: 2_048, timeLimitMs: 30_000 },
      ...{ environment: { A: "1", B: "3" }, setup: "module load a\nmodule load b\n", fork: true },
    });
    expect(world.requests.at(-1)!.body.sharing).toBe("all");
  });

  test("of a file reads the function.yaml beside it", async () => {
    const path = code("one", { "t.py": "", "other.py": "", "function.yaml": "fork: false" });
    await glean("deploy", "t", join(path, "t.py"));
    expect(await sent()).toMatchObject({ names: ["t.py"], settings: { fork: false } });
  });

  test.each([
    ["runtme: node", /function\.yaml: unknown key runtme; did you mean runtime\? Keys: runtime, /],
    ["mem: lots", /function\.yaml: mem: invalid memory size "lots"/],
    ["mem: [1]", /function\.yaml: mem: expected a text, a number, true or false/],
    ["env: A=1", /function\.yaml: env: expected a mapping of names to values/],
    ["env: {A: {}}", /function\.yaml: env\.A: expected a text/],
    ["- x", /function\.yaml: expected keys with values/],
    ["a: [", /function\.yaml is not valid YAML/],
    [
      "mem: !!foo 2G",
      /function\.yaml is not valid YAML: Unresolved tag: .*foo at line 1, column 6$/m,
    ],
    ["? [a]\n: 1", /function\.yaml: unknown key \[ a \]/],
    ["fork: perhaps", /function\.yaml: fork: invalid value "perhaps": expected true or false/],
  ])("refuses a function.yaml with %j", async (yaml, sentence) => {
    const path = code("tile", { "main.py": "x", "function.yaml": yaml });
    expectSentence(await glean("deploy", "t", path), 2, sentence);
    expect(world.requests).toEqual([]);
  });

  test.each<[string[], RegExp]>([
    [["-x", "."], /unknown option '-x'/],
    [["a/b", "main.py"], /invalid name "a\/b": expected 1 to 64 letters/],
    [["t", "none"], /there is no none: name a file or a folder/],
    [
      ["t", "main.py", "--runtime", "ruby"],
      /unknown runtime "ruby": expected node, python, native/,
    ],
    [["t", "main.py", "--share", "hep"], /--share: invalid value "hep": expected none, all or/],
    [["t", "main.py", "--python", "python3"], /--python: "python3" is not absolute/],
    [["t", "main.py", "--env", "A"], /--env: invalid variable "A": expected NAME=VALUE/],
    [["t", "main.py", "--concurrency", "0"], /--concurrency: invalid number "0": expected 1 to/],
    [["t", "main.py", "--handler", " "], /--handler: invalid value " ": expected some text/],
    [["t", "notes.txt"], /the files do not tell the runtime: give --runtime/],
  ])("refuses %j", async (args, sentence) => {
    world.script("", "main.py");
    world.script("", "notes.txt");
    expectSentence(await glean("deploy", ...args), 2, sentence);
    expect(world.requests).toEqual([]);
  });

  test("says what the daemon refuses, and which versions made room", async () => {
    world.script("", "main.py");
    world.answers["POST /v1/functions"] = () => refusal(429, "LIMIT_REACHED", "you have too many");
    const refused = await glean("deploy", "t", "main.py", "--runtime", "python");
    expectSentence(refused, 1, /you have too many/);
    world.answers["POST /v1/functions"] = () => ({
      body: { owner: "ada", name: "t", version, isNew: false, removed: ["0".repeat(64)] },
    });
    const { stdout, stderr } = await glean("deploy", "t", "main.py", "--runtime", "python");
    expect(stdout).toBe("Unchanged ada/t@3f2a9c013f2a\n");
    expect(stderr).toMatch(/note: version 000000000000 made room and was removed/);
  });
});

describe("list and show", () => {
  const summary = {
    ...{ owner: { uid: 1_000, user: "ada" }, name: "tile", sharing: "group:hep", version },
    ...{ runtime: "python", versions: 12, bytes: 1_234_567, deployedAtMs: 1_700_000_000_000 },
    stopped: null,
  };
  const detail = {
    ...{ owner: summary.owner, name: "tile", sharing: "none" },
    aliases: [
      { alias: "latest", version },
      { alias: "prod", version },
    ],
    versions: [
      { version, runtime: "python", bytes: 9, deployedAtMs: 1_700_000_000_000, stopped: null },
    ],
    shown: {
      ...{ version, settings: { runtime: "python", cores: 2, handler: null }, variables: ["A"] },
      warm: ["idle workers: 1 on n1"],
    },
  };

  test("list shows a line for each function", async () => {
    world.answers["GET /v1/functions"] = () => ({
      body: { functions: [summary], truncated: false },
    });
    const { stdout } = await glean("list", "-u", "ada");
    const [header, line] = stdout.split("\n");
    expect(header).toMatch(/^FUNCTION +RUNTIME +VERSION +VERSIONS +SIZE +SHARED +STATE +DEPLOYED$/);
    expect(line).toMatch(
      /^ada\/tile {2}python +3f2a9c013f2a +12 {2}1\.2 MB {2}group:hep {2}ready {2}2023-/,
    );
    expect(world.requests.at(-1)!.url).toBe("/v1/functions?user=ada");
    expect((await glean("list", "-n")).stdout.split("\n")).toHaveLength(2);
  });

  test("show prints versions with their aliases, and the settings of the one that is named", async () => {
    world.answers["GET /v1/functions/-/tile"] = () => ({ body: detail });
    const { stdout } = await glean("show", "tile@prod");
    expect(stdout).toMatch(/^Function=ada\/tile OwnerId=1000 Shared=none\n/);
    expect(stdout).toMatch(/^ {3}Runtime=python Cores=2$/m);
    expect(stdout).toMatch(/^ {3}Environment=A\n {3}Warm=idle workers: 1 on n1$/m);
    expect(stdout).toMatch(/^ {3}3f2a9c013f2a Deployed=.* Size=9 Aliases=latest,prod$/m);
    expect(world.requests.at(-1)!.url).toBe("/v1/functions/-/tile?version=prod");
    const asScontrol = await world.start(["show", "-o", "function", "tile@prod"]).end;
    expect(asScontrol.stdout).toMatch(
      /^FunctionName=ada\/tile UserId=ada\(1000\) Shared=none Version=3f2a\w+ Versions=\d .*Cores=2 .* Stopped=NO\n$/,
    );
  });

  test("of many versions, show prints the newest and those with aliases, and counts the others", async () => {
    const versions = Array.from({ length: 1_000 }, (_, index) => {
      const other = String(index).padStart(64, "0");
      return { ...detail.versions[0], version: index === 999 ? version : other };
    });
    world.answers["GET /v1/functions/-/tile"] = () => ({ body: { ...detail, versions } });
    const lines = (await glean("show", "tile")).stdout.trimEnd().split("\n");
    expect(lines.filter((line) => line.includes("Deployed="))).toHaveLength(21);
    expect(lines.at(-2)).toMatch(/^ {3}3f2a9c013f2a .* Aliases=latest,prod$/);
    expect(lines.at(-1)).toBe("   Others=979: glean function show tile --json has all");
  });

  test("a stopped version says so, and why", async () => {
    const stopped = "workers could not load it 3 times in a row, on n1 (ImportError: x)";
    world.answers["GET /v1/functions"] = () => ({
      body: { functions: [{ ...summary, stopped }], truncated: false },
    });
    expect((await glean("list", "-n")).stdout).toMatch(/ stopped /);
    const versions = [{ ...detail.versions[0], stopped }];
    world.answers["GET /v1/functions/-/tile"] = () => ({ body: { ...detail, versions } });
    expect((await glean("show", "tile")).stdout).toContain(
      `      Stopped=${stopped}: deploy it again\n`,
    );
  });

  test("a whole list that was cut says so", async () => {
    world.answers["GET /v1/functions"] = () => ({ body: { functions: [], truncated: true } });
    expect((await glean("list")).stderr).toMatch(/note: there are more functions/);
  });
});

describe("changes", () => {
  const removed = () => ({ body: { removed: "the function ada/tile" } });

  test.each<[string[], string, object | null, string]>([
    [
      ["alias", "tile@3f2a9c01", "prod"],
      "PUT /v1/functions/-/tile/aliases/prod",
      { version: "3f2a9c01" },
      "tile@prod is version 3f2a9c013f2a\n",
    ],
    [
      ["alias", "ada/tile", "prod"],
      "PUT /v1/functions/ada/tile/aliases/prod",
      { version: "latest" },
      "tile@prod is version 3f2a9c013f2a\n",
    ],
    [
      ["share", "tile", "group:hep"],
      "PUT /v1/functions/-/tile/sharing",
      { sharing: "group:hep" },
      "tile is shared with: group:hep\n",
    ],
    [["remove", "tile"], "DELETE /v1/functions/-/tile", null, "Removed the function ada/tile\n"],
    [
      ["remove", "ada@X.ORG/tile"],
      "DELETE /v1/functions/ada%40X.ORG/tile",
      null,
      "Removed the function ada/tile\n",
    ],
    [
      ["remove", "tile@prod"],
      "DELETE /v1/functions/-/tile/aliases/prod",
      null,
      "Removed the function ada/tile\n",
    ],
    [
      ["remove", "tile@3f2a9c01"],
      "DELETE /v1/functions/-/tile/versions/3f2a9c01",
      null,
      "Removed the function ada/tile\n",
    ],
  ])("%j", async (args, route, body, output) => {
    world.answers[route] = (request) =>
      route.startsWith("DELETE")
        ? removed()
        : { body: { alias: "prod", version, ...request.body, ...(body && { version }) } };
    const answer = await glean(...args);
    expect(answer).toMatchObject({ status: 0, stdout: output, stderr: "" });
    expect(world.requests.at(-1)!.body).toEqual(body);
    const { stdout } = await glean(...args, "--json");
    expect(JSON.parse(stdout)).toBeTruthy();
  });

  test.each<[string[], RegExp]>([
    [["alias", "tile", "3f2a9c01"], /invalid alias "3f2a9c01": expected 1 to 64 letters/],
    [["share", "tile", "hep"], /share: invalid value "hep": expected none, all or group:NAME/],
    [["share", "tile@prod", "all"], /shared with all its versions: give tile without @/],
    [["show", "a b"], /invalid function "a b"/],
    [["remove"], /missing required argument 'function'/],
    [["shwo", "tile"], /unknown command/],
  ])("refuses %j", async (args, sentence) => {
    expectSentence(await glean(...args), 2, sentence);
    expect(world.requests).toEqual([]);
  });
});
