// Who the program says we are: tokens, their cache and its enemies, and where the configuration is.

import { execFile } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { configPath } from "../../../src/config.js";
import { configFileOf } from "../../../src/sdk/settings.js";
import { expectSentence, gleanWorld, refusal } from "../../support/glean.js";
import { purePython, python } from "../../support/runtimes/python-runtime.js";

const world = gleanWorld();
const glean = (...args: string[]) => world.start(args).end;

describe("identity", () => {
  const tokenRequests = () => world.requests.filter(({ url }) => url === "/v1/token").length;
  const cache = () => join(world.home, ".cache/gleaner");
  const cachedToken = () =>
    join(cache(), readdirSync(cache()).find((name) => name.startsWith("token-"))!);

  test("fetches a token once and keeps it where only its user can read it", async () => {
    await glean("batch", "--wrap", "id");
    await glean("batch", "--wrap", "id");
    expect(tokenRequests()).toBe(1);
    expect(world.requests.map(({ url }) => url).slice(0, 2)).toEqual([
      "/v1/challenge",
      "/v1/token",
    ]);
    expect(world.requests[1]!.body).toEqual({ credential: "MUNGE:made-up:" });
    expect(statSync(cache()).mode & 0o777).toBe(0o700);
    expect(statSync(cachedToken()).mode & 0o777).toBe(0o600);
  });

  describe("when its address has too many requests without a token", () => {
    const sentence = "1000 requests without a token already wait";
    const crowded = () => ({ ...refusal(429, "LIMIT_REACHED", sentence), retryAfter: "0" });
    const others = ["/v1/challenge", "/v1/challenge", "/v1/token", "/v1/token"];
    const tokenless = () => world.requests.map(({ url }) => url).slice(0, 4);
    const refuseOnce = () => {
      for (const route of ["GET /v1/challenge", "POST /v1/token"]) {
        const answer = world.answers[route]!;
        world.answers[route] = () => {
          world.answers[route] = answer;
          return crowded();
        };
      }
    };

    test("waits for its turn", async () => {
      refuseOnce();
      expect(await glean("batch", "--wrap", "id")).toMatchObject({ status: 0 });
      expect(tokenless()).toEqual(others);
    });

    test("waits for its turn in Python", async () => {
      refuseOnce();
      const source = "import gleaner; gleaner.connect().cancel('7')";
      const env = { ...world.environment, PYTHONPATH: purePython.sdk };
      world.answers["POST /v1/cancel"] = () => ({ body: { cancelled: 1, problems: [] } });
      await promisify(execFile)(python, ["-B", "-c", source], { cwd: world.home, env });
      expect(tokenless()).toEqual(others);
    });
  });

  test("renews a refused token only once", async () => {
    await glean("batch", "--wrap", "id");
    world.answers["POST /v1/invocations"] = ({ authorization }) =>
      authorization === "Bearer token-2"
        ? { body: { id: 43, tasks: 1 } }
        : refusal(401, "NOT_IDENTIFIED", "stale");
    expect(await glean("batch", "--wrap", "id")).toMatchObject({
      status: 0,
      stdout: "Submitted batch job 43\n",
    });
    expect(tokenRequests()).toBe(2);
    world.answers["POST /v1/invocations"] = () => refusal(401, "NOT_IDENTIFIED", "never");
    expectSentence(await glean("batch", "--wrap", "id"), 1, /never/);
    expect(tokenRequests()).toBe(3);
  });

  test.each<[string, (file: string) => void]>([
    ["garbage", (file) => writeFileSync(file, "\0{not json")],
    ["a token that breaks a header", (file) => writeFileSync(file, hostile("a\r\nX: y"))],
    ["an expired token", (file) => writeFileSync(file, hostile("old", 1))],
    ["a file that others may read", (file) => chmodSync(file, 0o644)],
    [
      "a link",
      (file) => {
        writeFileSync(`${file}.elsewhere`, hostile("stolen"), { mode: 0o600 });
        rmSync(file);
        symlinkSync(`${file}.elsewhere`, file);
      },
    ],
  ])("does not use %s in the cache", async (_name, spoil) => {
    await glean("batch", "--wrap", "id");
    spoil(cachedToken());
    expect(await glean("batch", "--wrap", "id")).toMatchObject({ status: 0, stderr: "" });
    expect(tokenRequests()).toBe(2);
    expect(world.requests.at(-1)!.authorization).toBe("Bearer token-2");
  });

  const hostile = (token: string, expiresAtMs = 9e15) => JSON.stringify({ token, expiresAtMs });

  test("works without a cache if its folder is open to others or cannot be created", async () => {
    mkdirSync(cache(), { recursive: true });
    chmodSync(cache(), 0o777);
    expect(await glean("batch", "--wrap", "id")).toMatchObject({ status: 0 });
    expect(readdirSync(cache())).toEqual([]);
    world.environment.HOME = "/proc/nowhere";
    expect(await glean("batch", "--wrap", "id")).toMatchObject({ status: 0, stderr: "" });
  });

  test("fails with one sentence and status 1 without munge", async () => {
    world.environment.PATH = "/nowhere";
    expectSentence(await glean("queue"), 1, /munge is not in PATH: install the package munge/);
  });

  test("parses the configuration again only if it changed", async () => {
    await glean("batch", "--wrap", "id");
    const settings = readdirSync(cache()).find((name) => name.startsWith("settings-"))!;
    const before = readFileSync(join(cache(), settings), "utf8");
    writeFileSync(world.environment.GLEANER_CONF!, "listen: { apiPrt: 1 }\n");
    expectSentence(
      await glean("queue"),
      2,
      /^glean: \S+gleaner\.yaml: unknown key listen\.apiPrt; did you mean apiPort/,
    );
    expect(readFileSync(join(cache(), settings), "utf8")).toBe(before);
  });
});

describe("root's configuration", () => {
  const config = () => world.environment.GLEANER_CONF!;
  const asRoot = process.geteuid!() === 0 ? test : test.skip;

  asRoot.each<[string, RegExp, () => void]>([
    ["that others can write", /others can write to/, () => chmodSync(config(), 0o666)],
    ["of another user", /belongs to another user/, () => chownSync(config(), 65_534, 65_534)],
    ["in a folder that others can write", /others can write/, () => chmodSync(world.home, 0o777)],
    ["in another user's folder", /belongs to another/, () => chownSync(world.home, 65_534, 65_534)],
    [
      "behind another user's link",
      /belongs to another user/,
      () => {
        const link = join(world.home, "link.yaml");
        symlinkSync(config(), link);
        lchownSync(link, 65_534, 65_534);
        world.environment.GLEANER_CONF = link;
      },
    ],
  ])("%s is refused before any connection", async (_what, sentence, spoil) => {
    await glean("queue"); // kept settings do not help
    world.requests.length = 0;
    spoil();
    expectSentence(await glean("queue"), 2, sentence);
    expect(world.requests).toEqual([]);
  });

  asRoot("behind a link of root's own is read", async () => {
    const link = join(world.home, "link.yaml");
    symlinkSync(config(), link);
    world.environment.GLEANER_CONF = link;
    expect(await glean("batch", "--wrap", "id")).toMatchObject({ status: 0, stderr: "" });
  });
});

test("the client looks for the configuration where config.ts does", () => {
  for (const [option, surroundings] of [
    ["/a/b", { GLEANER_CONF: "/c" }],
    [undefined, { GLEANER_CONF: "/c" }],
    [undefined, {}],
  ] as const)
    expect(configFileOf(option, surroundings)).toBe(configPath(option, surroundings));
});
