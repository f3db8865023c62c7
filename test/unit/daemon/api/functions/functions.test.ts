// Requests about functions: what is answered, to whom, and what is refused with which sentence.

import { randomUUID } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import type { ExecutorRecord } from "../../../../../src/daemon/state/executor-record.js";
import { IdleWorkers } from "../../../../../src/daemon/state/idle-workers.js";
import { workerKey } from "../../../../../src/model/call.js";
import { nodeName } from "../../../../../src/model/ids.js";
import {
  ada,
  bob,
  denied,
  functionSite,
  operator,
} from "../../../../support/daemon/function-site.js";

const site = functionSite();
const show = (name: string, uid: number = ada, query = "") =>
  site.api.ask(`/v1/functions/-/${name}${query}`, uid);
const named = (code: string, message: RegExp) => ({
  body: { error: { code, message: expect.stringMatching(message) } },
});

describe("deploy", () => {
  test("records the version with the settings of its bundle and the site's defaults", async () => {
    const { status, body } = await site.deploy("tile", "x = 1", { sharing: "group:hep" });
    expect([status, body]).toMatchObject([200, { owner: "u1000", name: "tile", isNew: true }]);
    expect((await show("tile")).body).toMatchObject({
      ...{ owner: { uid: ada, user: "u1000" }, name: "tile", sharing: "group:hep" },
      aliases: [{ alias: "latest", version: body.version }],
      versions: [{ version: body.version, runtime: "python" }],
      shown: { version: body.version, settings: { cores: 1, memoryMb: 500, timeLimitMs: 60_000 } },
    });
    expect(site.api.acts.at(-1)).toEqual({
      action: "deploy",
      subject: "u1000/tile",
      detail: `version ${body.version}, shared: group:hep`,
    });
  });

  test("of the same bundle is the same version, and another text is another one", async () => {
    const first = await site.deploy("tile", "x = 1");
    expect((await site.deploy("tile", "x = 1")).body).toEqual({ ...first.body, isNew: false });
    expect((await site.deploy("tile", "x = 2")).body.version).not.toBe(first.body.version);
    const other = await site.upload({ "main.py": "x = 1" }, { cores: 2 });
    expect(other).not.toBe(first.body.version);
  });

  test("keeps sharing unless it is given", async () => {
    await site.deploy("tile", "x = 1", { sharing: "all" });
    await site.deploy("tile", "x = 2");
    expect((await show("tile")).body.sharing).toBe("all");
  });

  test("shows where workers of the caller are idle, and which were started ahead", async () => {
    const bundle = await site.upload({ "main.py": "1" }, { minWarm: 2 });
    await site.api.ask("/v1/functions", ada, { requestId: randomUUID(), name: "tile", bundle });
    const idleWorkers = new IdleWorkers();
    site.executors = [{ node: nodeName("n1"), idleWorkers } as ExecutorRecord];
    const { cores, gpus, memoryMb } = (await show("tile")).body.shown.settings;
    const kind = { uid: ada, version: bundle, cores, gpus, memoryMb };
    idleWorkers.startAhead(workerKey(kind), bundle, ada, Date.now() - 20_000);
    idleWorkers.says([{ ...kind, count: 3 }]);
    const warm = async (uid: number) =>
      (await site.api.ask("/v1/functions/1000/tile", uid)).body.shown.warm;
    expect(await warm(ada)).toEqual([
      "idle workers: 3 on n1",
      expect.stringMatching(
        /^gleanerd had one started on n1 [2-9]\d\.\d s ago, before anybody called/,
      ),
      "gleanerd keeps 2 of its workers, whether or not anybody calls (--min-warm)",
      "an idle worker stays for 15 min, by the times of its calls so far",
    ]);
    expect((await warm(operator))[0]).toBe("no idle worker waits for its next call");
  });

  test("shows no values of variables", async () => {
    const bundle = await site.upload({ a: "" }, { environment: { TOKEN: "hidden" } });
    await site.api.ask("/v1/functions", ada, { requestId: randomUUID(), name: "t", bundle });
    const { body } = await show("t");
    expect(body.shown.variables).toEqual(["TOKEN"]);
    expect(JSON.stringify(body)).not.toContain("hidden");
  });

  test("refuses a bundle that the caller has not sent, although gleanerd has it", async () => {
    const bundle = await site.upload({ a: "" });
    const request = { requestId: randomUUID(), name: "t", bundle };
    expect(await site.api.ask("/v1/functions", bob, request)).toMatchObject(
      named("NOT_FOUND", /does not have your bundle .*: send it with PUT/),
    );
  });

  test("refuses a content that is no bundle, and settings that never fit", async () => {
    const bytes = Buffer.from("#!/bin/sh\n".repeat(100));
    const { createHash } = await import("node:crypto");
    const hash = createHash("sha256").update(bytes).digest("hex");
    await site.api.send("PUT", `/v1/blobs/${hash}`, ada, bytes);
    const request = (bundle: string) => ({ requestId: randomUUID(), name: "t", bundle });
    expect(await site.api.ask("/v1/functions", ada, request(hash))).toMatchObject(
      named("BAD_REQUEST", /not a bundle of Gleaner|bundle's entry/),
    );
    const large = await site.upload({ a: "" }, { cores: 9 });
    expect(await site.api.ask("/v1/functions", ada, request(large))).toMatchObject(
      named("BAD_REQUEST", /request is for 9 cores, but the largest node has 8/),
    );
    const wrong = await site.upload({ a: "" }, { cores: 0 });
    expect(await site.api.ask("/v1/functions", ada, request(wrong))).toMatchObject(
      named("BAD_REQUEST", /^the function's settings in the bundle: settings\.cores: /),
    );
    expect((await site.api.ask("/v1/functions", ada)).body.functions).toEqual([]);
  });

  test.each([
    [{ name: "a/b" }, /^name: must be 1 to 64 letters/],
    [{ name: "" }, /^name: must be/],
    [{ sharing: "group:" }, /^sharing: must be none, all or group:NAME/],
    [{ sharing: "everybody" }, /^sharing: must be/],
    [{ requestId: "1" }, /^requestId: /],
    [{ bundle: "f00" }, /^bundle: must be a SHA-256/],
  ])("refuses %j", async (wrong, message) => {
    const good = { requestId: randomUUID(), name: "t", bundle: "0".repeat(64) };
    const answer = await site.api.ask("/v1/functions", ada, { ...good, ...wrong });
    expect(answer).toMatchObject({ status: 400, ...named("BAD_REQUEST", message) });
  });

  test("is for users who may run functions", async () => {
    expect(await site.deploy("t", "x", {}, denied)).toMatchObject(
      named("NOT_ALLOWED", /may not run functions here/),
    );
    expect(site.files.kept.size).toBe(0);
  });

  test("beyond the versions of a function tells which ones made room", async () => {
    const { body: oldest } = await site.deploy("tile", "0");
    for (const text of ["1", "2"]) await site.deploy("tile", text);
    expect((await site.deploy("tile", "3")).body.removed).toEqual([oldest.version]);
  });
});

describe("lists and sharing", () => {
  const names = async (uid: number, query = "") =>
    (await site.api.ask(`/v1/functions${query}`, uid)).body.functions.map(
      ({ owner, name }: { owner: { user: string }; name: string }) => `${owner.user}/${name}`,
    );

  test("users see their own and what is shared with them, operators everything", async () => {
    await site.deploy("mine", "x");
    await site.deploy("all", "x", { sharing: "all" }, bob);
    await site.deploy("hep", "x", { sharing: "group:hep" }, bob);
    await site.deploy("own", "x", {}, bob);
    expect(await names(ada)).toEqual(["u1000/mine", "u1001/all"]);
    site.groups.set(ada, ["hep"]);
    expect(await names(ada, `?user=${bob}`)).toEqual(["u1001/all", "u1001/hep"]);
    expect(await names(bob, `?user=${bob}`)).toEqual(["u1001/all", "u1001/hep", "u1001/own"]);
    expect(await names(operator)).toHaveLength(4);
    expect(await names(operator, "?user=u1001&limit=1")).toEqual(["u1001/all"]);
    expect(await site.api.ask("/v1/functions?user=nobody", ada)).toMatchObject(
      named("NOT_FOUND", /no user has the name nobody/),
    );
  });

  test("a deploy that is only checked changes nothing", async () => {
    await site.deploy("tile", "x", { sharing: "group:hep" });
    const change = { sharing: "all", testOnly: true };
    const { status, body: answer } = await site.deploy("tile", "y", change);
    expect([status, answer.isNew]).toEqual([200, true]);
    expect((await site.deploy("other", "y", change)).status).toBe(200);
    expect((await site.deploy("tile", "x", change)).body.isNew).toBe(false);
    const { body } = await show("tile");
    expect([body.sharing, body.versions.length]).toEqual(["group:hep", 1]);
    expect((await show("other")).status).toBe(404);
  });

  test.each([
    ["group:nosuch", /^there is no Unix group nosuch where gleanerd runs: check the name/],
    ["group:HEP", /^the Unix group HEP has the name hep: share with group:hep$/],
  ])("sharing with %s is refused, and changes nothing", async (sharing, message) => {
    await site.deploy("tile", "x", { sharing: "group:hep" });
    const refused = { status: 404, ...named("NOT_FOUND", message) };
    const path = "/v1/functions/-/tile";
    expect(await site.api.send("PUT", `${path}/sharing`, ada, { sharing })).toMatchObject(refused);
    for (const testOnly of [true, false])
      expect(await site.deploy("tile", "y", { sharing, testOnly })).toMatchObject(refused);
    const { body } = await show("tile");
    expect([body.sharing, body.versions.length]).toEqual(["group:hep", 1]);
  });

  test("a function that is shared can be seen, and changed only by its owner", async () => {
    await site.deploy("tile", "x");
    const path = "/v1/functions/u1000/tile";
    expect(await site.api.ask(path, bob)).toMatchObject(named("NOT_FOUND", /shared with u1001/));
    expect(await site.api.send("DELETE", path, bob)).toMatchObject({ status: 404 });
    const shared = await site.api.send("PUT", `${path}/sharing`, ada, { sharing: "all" });
    expect(shared.body).toEqual({ sharing: "all" });
    expect((await site.api.ask(path, bob)).status).toBe(200);
    for (const [method, more, body] of [
      ["DELETE", "", undefined],
      ["DELETE", "/versions/latest", undefined],
      ["PUT", "/aliases/prod", { version: "latest" }],
      ["DELETE", "/aliases/prod", undefined],
      ["PUT", "/sharing", { sharing: "none" }],
    ] as const)
      expect(await site.api.send(method, `${path}${more}`, bob, body)).toMatchObject({
        status: 403,
        ...named("NOT_ALLOWED", /^u1001 may not .* u1000\/tile: ask u1000$/),
      });
    expect((await site.api.send("DELETE", path, operator)).body.removed).toBe(
      "the function u1000/tile",
    );
  });
});

describe("aliases and removal", () => {
  test("an alias points to a version until it is moved or removed", async () => {
    const { body: first } = await site.deploy("tile", "1");
    const { body: second } = await site.deploy("tile", "2");
    const path = "/v1/functions/-/tile/aliases/prod";
    const digits = first.version.slice(0, 12);
    expect((await site.api.send("PUT", path, ada, { version: digits })).body).toEqual({
      alias: "prod",
      version: first.version,
    });
    expect((await show("tile", ada, "?version=prod")).body.shown.version).toBe(first.version);
    await site.api.send("PUT", path, ada, { version: "latest" });
    expect((await show("tile", ada, "?version=prod")).body.shown.version).toBe(second.version);
    expect((await site.api.send("DELETE", path, ada)).body.removed).toBe(
      "the alias prod of u1000/tile",
    );
    expect(await site.api.send("DELETE", path, ada)).toMatchObject({ status: 404 });
    expect(site.api.acts.map(({ action, detail }) => `${action} ${detail}`).slice(-2)).toEqual([
      `alias prod is ${second.version}`,
      "alias prod removed",
    ]);
  });

  test("latest can point back, and is not removed", async () => {
    const { body: first } = await site.deploy("tile", "1");
    await site.deploy("tile", "2");
    const path = "/v1/functions/-/tile/aliases/latest";
    await site.api.send("PUT", path, ada, { version: first.version });
    expect((await show("tile")).body.shown.version).toBe(first.version);
    expect(await site.api.send("DELETE", path, ada)).toMatchObject(
      named("BAD_REQUEST", /each deploy moves the alias latest/),
    );
  });

  test.each(["3f2a9c01", "-x", "a b", "x".repeat(65)])("%j is no alias", async (alias) => {
    await site.deploy("tile", "1");
    const path = `/v1/functions/-/tile/aliases/${encodeURIComponent(alias)}`;
    expect(await site.api.send("PUT", path, ada, { version: "latest" })).toMatchObject(
      named("BAD_REQUEST", /^alias: must be 1 to 64 letters/),
    );
  });

  test("a version is removed once no alias points to it, and its bundle after it", async () => {
    const { body: first } = await site.deploy("tile", "1");
    const path = `/v1/functions/-/tile/versions/${first.version}`;
    expect(await site.api.send("DELETE", path, ada)).toMatchObject(
      named("BAD_REQUEST", /the alias latest points to this version: move it/),
    );
    await site.deploy("tile", "2");
    expect((await site.api.send("DELETE", path, ada)).body.removed).toBe(
      `version ${first.version.slice(0, 12)} of u1000/tile`,
    );
    expect(await site.api.send("DELETE", path, ada)).toMatchObject({ status: 404 });
    expect(site.files.kept.size).toBe(2);
    await site.store.pruneFunctions(Number.MAX_SAFE_INTEGER, [], 10);
    await new Promise((resolve) => setTimeout(resolve, 2));
    await site.blobs.removeUnused();
    expect(site.files.kept.size).toBe(1);
  });

  test("a removed function is gone, and can be deployed again", async () => {
    await site.deploy("tile", "1", { sharing: "all" });
    await site.api.send("DELETE", "/v1/functions/-/tile", ada);
    expect(await show("tile")).toMatchObject({ status: 404 });
    await site.deploy("tile", "1");
    expect((await show("tile")).body).toMatchObject({ sharing: "none" });
    expect(site.api.acts.at(-2)).toMatchObject({ action: "remove", subject: "u1000/tile" });
  });

  test("a version that does not exist is named with what to do", async () => {
    await site.deploy("tile", "1");
    expect(await show("tile", ada, "?version=cccccccc")).toMatchObject(
      named("NOT_FOUND", /tile has no version cccccccc: see glean function show tile/),
    );
    expect(await show("tile", ada, "?version=prod")).toMatchObject(
      named("NOT_FOUND", /tile has no alias prod: it has latest/),
    );
    expect(await show("tile", ada, "?version=@")).toMatchObject(
      named("BAD_REQUEST", /^version: must be an alias/),
    );
  });
});

test("a stopped version says why in lists and when it is shown, until it is deployed anew", async () => {
  const { version } = (await site.deploy("tile", "x = 1")).body;
  const listed = async () => (await site.api.ask("/v1/functions", ada)).body.functions[0].stopped;
  expect(await listed()).toBeNull();
  site.stopped.set(version, "workers could not load it");
  expect(await listed()).toBe("workers could not load it");
  expect((await show("tile")).body.versions).toMatchObject([
    { stopped: "workers could not load it" },
  ]);
  await site.deploy("tile", "x = 1");
  expect(await listed()).toBeNull();
});

test("a deploy may keep no more warm than the site's limit for one user, over all functions", async () => {
  const deploy = async (name: string, minWarm: number) => {
    const bundle = await site.upload({ a: name }, { minWarm, memoryMb: 1_000 });
    return site.api.ask("/v1/functions", ada, { requestId: randomUUID(), name, bundle });
  };
  expect((await deploy("one", 3)).status).toBe(200);
  expect(await deploy("two", 2)).toMatchObject(
    named(
      "LIMIT_REACHED",
      /--min-warm keeps 2000 MB warm, your other functions 3000 MB, and the limit for one user is 4000 MB/,
    ),
  );
  expect((await deploy("one", 4)).status).toBe(200);
});
