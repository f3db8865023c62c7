// `glean function test` and `glean replay`: the real program runs real code with the runtimes'
// programs beside it; what it needs of gleanerd is made up.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { makeBundles } from "../../../../scripts/bundle/bundles.mjs";
import { bundleDigest, packBundle } from "../../../../src/bundle/pack.js";
import { scan } from "../../../../src/bundle/scan.js";
import { manifestText, unsetSettings } from "../../../../src/model/functions/settings.js";
import { writeTree } from "../../../support/bundle/bundles.js";
import { expectSentence, gleanWorld, invocation, refusal } from "../../../support/glean.js";

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

function code(name: string, tree: Parameters<typeof writeTree>[1]): string {
  mkdirSync(join(world.home, name));
  writeTree(join(world.home, name), tree);
  return name;
}
const run = (...args: string[]) => world.start(["function", "test", ...args]);
const glean = (...args: string[]) => run(...args).end;

describe("a folder", () => {
  test("is called with the input, in the environment of a hole", async () => {
    const path = code("tile", {
      "index.mjs": "export default (input) => ({ input, env: process.env, cwd: process.cwd() });",
      "function.yaml": "runtime: node\nenv: { COLOUR: red }\ncpus-per-task: 2\n",
    });
    world.environment.SECRET = "of my shell";
    const { status, stdout, stderr } = await glean(path, "--input", '{"zoom":3}');
    expect({ status, stderr: withoutMemory(stderr) }).toEqual({ status: 0, stderr: "" });
    const { input, env, cwd } = JSON.parse(stdout);
    expect(input).toEqual({ zoom: 3 });
    expect(env).toMatchObject({ COLOUR: "red", GLEANER_FUNCTION: "tile", GLEANER_CPUS: "2" });
    expect(env).toMatchObject({ GLEANER_MEMORY_MB: "2000", PATH: "/usr/local/bin:/usr/bin:/bin" });
    expect(env).not.toHaveProperty("SECRET");
    expect(cwd.startsWith(temporary)).toBe(true);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test("with an image is told that it runs outside of it", async () => {
    const path = code("tile", { "index.mjs": "export default () => 1;" });
    const { stdout, stderr } = await glean(path, "--runtime", "node", "--image", "/srv/tiles");
    expect(stdout).toBe("1");
    expect(stderr).toContain("note: the code runs outside of the image /srv/tiles");
  });

  test("without its handler's neighbour fails as a deploy would, in the language's words", async () => {
    const path = code("tile", {
      "index.mjs": "import './private.mjs'; export default () => 1;",
      "private.mjs": "",
      ".gleanerignore": "private.mjs\n",
    });
    const { status, stderr } = await glean(path, "--runtime", "node");
    expect(status).toBe(1);
    expect(stderr).toMatch(/tile: .*Cannot find module .*private\.mjs/);
  });

  test("shows an exception with its stack, and what was printed, on standard error", async () => {
    const text =
      "def inner():\n    return {}['x']\ndef handler(event):\n    print('before')\n    inner()\n";
    const { status, stdout, stderr } = await glean(code("tile", { "handler.py": text }));
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("before\nglean: tile: KeyError: 'x'\n");
    expect(stderr.match(/File ".*"/g)).toEqual([
      expect.stringMatching(/handler\.py"$/),
      expect.stringMatching(/handler\.py"$/),
    ]);
  });

  test.each([
    ["exit", "process.exit(3)", /ProcessExit: the handler called process\.exit\(3\)/],
    ["crash", "process.kill(process.pid, 'SIGSEGV')", /killed by signal 11/],
    ["block", "for (;;);", /it reached its time limit of 700 ms/],
  ])("that makes its worker %s ends as in a hole", async (_what, body, sentence) => {
    const path = code("tile", { "index.mjs": `export default () => { ${body} };` });
    const { status, stderr } = await glean(path, "--runtime", "node", "-t", "700ms");
    expect(stderr).toMatch(sentence);
    expect(status).toBe(1);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test("leaves no process and no file after Ctrl-C", async () => {
    const text = `import { spawn } from "node:child_process";
      export default async () => {
        const child = spawn("sleep", ["600"], { stdio: "ignore" });
        console.log("pids", process.pid, child.pid);
        await new Promise(() => setInterval(() => {}, 1_000));
      };`;
    const { child, end } = run(code("tile", { "index.mjs": text }), "--runtime", "node");
    const pids = await new Promise<number[]>((resolve) => {
      let seen = "";
      child.stderr.on("data", (piece) => {
        seen += piece;
        const found = /pids (\d+) (\d+)/.exec(seen);
        if (found !== null) resolve(found.slice(1).map(Number));
      });
    });
    child.kill("SIGINT");
    expect(await end).toMatchObject({ status: 130, stdout: "" });
    for (const pid of pids) expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe("a deploy with --check local", () => {
  const deploy = (path: string) =>
    world.start(["function", "deploy", "tile", path, "--runtime", "node", "--check", "local"]).end;

  test("sends nothing if the code cannot be loaded here", async () => {
    const { status, stderr } = await deploy(code("bad", { "index.mjs": "import './none.mjs';" }));
    expect(status).toBe(1);
    expect(stderr).toMatch(/tile was not deployed, since .* Cannot find module .*none\.mjs/);
    expect(world.requests).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test("goes on if it can, without a call of it", async () => {
    const { stderr } = await deploy(
      code("good", { "index.mjs": "export default () => console.log('called');" }),
    );
    expect(stderr).not.toMatch(/called|cannot be loaded/);
    expect(world.requests.map(({ method }) => method)).toContain("PUT");
    expect(world.requests.map(({ url }) => url)).not.toContain("/v1/checks");
  });
});

describe("a deployed function", () => {
  let version: string;
  beforeEach(async () => {
    const settings = { ...unsetSettings, runtime: "node", environment: { COLOUR: "red" } } as const;
    const path = code("sent", {
      "index.mjs": "export default (input) => [process.env.COLOUR, input];",
    });
    const entries = await scan(join(world.home, path));
    const pack = () => packBundle(manifestText(settings), entries);
    version = (await bundleDigest(pack())).version;
    const chunks: Buffer[] = [];
    for await (const chunk of pack()) chunks.push(chunk);
    rmSync(join(world.home, path), { recursive: true });
    const { environment: _, ...shown } = { ...settings, memoryMb: 500, timeLimitMs: 60_000 };
    const detail = { owner: { uid: 1, user: "bob" }, name: "tile" };
    const answer = {
      ...detail,
      shown: { version, settings: shown, variables: ["COLOUR"], warm: [] },
    };
    for (const owner of ["-", "bob"]) {
      world.answers[`GET /v1/functions/${owner}/tile`] = () => ({ body: answer });
      world.answers[`GET /v1/functions/${owner}/tile/versions/${version}/bundle`] = () => ({
        body: Buffer.concat(chunks),
      });
    }
  });

  test("is fetched with its environment and called", async () => {
    const { status, stdout } = await glean("bob/tile@prod", "--input", "7");
    expect([status, stdout]).toEqual([0, '["red",7]']);
    expect(world.requests.map(({ url }) => url)).toContain("/v1/functions/bob/tile?version=prod");
  });

  test("has its own settings", async () => {
    const sentence = /there is no file tile, and a deployed function has its settings: omit --mem/;
    expectSentence(await glean("tile", "--mem", "1G"), 2, sentence);
  });

  test("another bundle than the version's is refused", async () => {
    const route = `GET /v1/functions/-/tile/versions/${version}/bundle`;
    const { body } = world.answers[route]!({} as never) as { body: Buffer };
    const other = Buffer.from(body);
    other[other.indexOf("COLOUR, input")] = 0x63;
    world.answers[route] = () => ({ body: other });
    expectSentence(await glean("tile"), 1, /the bundle that arrived is version .*, not /);
  });

  const wasCall = () => {
    const command = { kind: "call", function: "bob/tile", version, bundleBytes: 1 };
    world.answers["GET /v1/invocations/42"] = () => ({
      body: {
        invocation: invocation({ timeLimitMs: 9_000 }),
        submission: { command },
        attempts: [],
      },
    });
    world.answers["GET /v1/invocations/42/input"] = () => ({
      body: { contentType: "application/json", text: '{"n":1}' },
    });
  };

  test("of an earlier call is called with that input again by replay", async () => {
    wasCall();
    const { status, stdout } = await world.start(["replay", "42"]).end;
    expect([status, stdout]).toEqual([0, '["red",{"n":1}]']);
  });

  test("is called with it in a hole by replay --remote", async () => {
    wasCall();
    const payload = { contentType: "application/json", text: "8" };
    world.answers["POST /v1/calls"] = () => ({
      body: {
        ...{ id: 43, invocation: invocation({ id: 43, state: "COMPLETED" }) },
        answer: { kind: "result", payload },
      },
    });
    const { status, stdout } = await world.start(["replay", "42", "--remote"]).end;
    expect([status, stdout]).toEqual([0, "8"]);
    const { body } = world.requests.findLast(({ url }) => url === "/v1/calls")!;
    expect(body).toMatchObject({
      ...{ function: `bob/tile@${version}`, timeLimitMs: 9_000 },
      input: { contentType: "application/json", text: '{"n":1}' },
    });
  });

  test.each([
    ["here", []],
    ["in a hole", ["--remote"]],
  ])("that was removed is not replayed %s", async (_where, options) => {
    wasCall();
    for (const route of Object.keys(world.answers))
      if (route.startsWith("GET /v1/functions/"))
        world.answers[route] = () => refusal(404, "NOT_FOUND", "bob has no function tile");
    const ended = await world.start(["replay", "42", ...options]).end;
    expectSentence(ended, 1, /42 called bob\/tile@[0-9a-f]{12}, which was removed .* deployed/);
    expect(world.requests.map(({ url }) => url)).not.toContain("/v1/calls");
  });

  test("replay refuses a command, and options of the other way", async () => {
    world.answers["GET /v1/invocations/42"] = () => ({
      body: { invocation: invocation(), submission: { command: { kind: "script" } }, attempts: [] },
    });
    expectSentence(await world.start(["replay", "42"]).end, 2, /42 is no call of a function/);
    const wrong = await world.start(["replay", "42", "--async"]).end;
    expectSentence(wrong, 2, /--async is for a replay in a hole: add --remote/);
  });
});

/** Where the tests may make no cgroup, that is said. */
const withoutMemory = (text: string): string =>
  text.replace(/glean: note: the memory limit of .*\n/, "");
