// The SDK by itself: identity through a real munged, private files against hostile neighbours, one
// bounded request.

import { execFileSync } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { exchange } from "../../../src/sdk/http/exchange.js";
import {
  GleanerClient,
  makeCredential,
  privateDirectory,
  privateName,
  randomUuid,
  readPrivate,
  writePrivate,
} from "../../../src/sdk/index.js";
import { Munged } from "../../support/daemon/munged.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "glean-sdk-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a real munged", () => {
  const munged = new Munged();
  const { socket } = munged;
  const munge = () => munged.options;
  beforeAll(() => munged.start());
  afterAll(() => munged.stop());

  test("vouches for the payload and for this user", async () => {
    const credential = await makeCredential(munge(), "the payload");
    const decoded = execFileSync("unmunge", [`--socket=${socket}`, "--numeric"], {
      input: credential,
      encoding: "utf8",
    });
    expect(decoded).toMatch(new RegExp(`UID: +${process.geteuid!()}\n`));
    expect(decoded.endsWith(`\n\nthe payload`)).toBe(true);
  });

  test("creates a new credential each time", async () =>
    expect(await makeCredential(munge(), "x")).not.toBe(await makeCredential(munge(), "x")));

  test("lets only gleanerd's user decode a credential", async () => {
    const credential = await makeCredential({ socket, daemonUser: "nobody" }, "x");
    const decode = () =>
      execFileSync("unmunge", [`--socket=${socket}`], { input: credential, stdio: "pipe" });
    expect(decode).toThrow(/Unauthorized credential/);
  });

  test("leads to one sentence if it does not run", async () => {
    const none = { socket: join(folder, "none"), daemonUser: "root" };
    await expect(makeCredential(none, "x")).rejects.toMatchObject({
      code: "NOT_IDENTIFIED",
      message: expect.stringMatching(/^munge created no credential \(.*\): ask your administrator/),
    });
  });
});

describe("private files", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(folder, "private-"));
  });
  const file = () => join(directory, "entry");

  test("are read back, by their owner only, and leave nothing beside them", () => {
    expect(writePrivate(directory, "entry", "one")).toBe(true);
    expect(writePrivate(directory, "entry", "two")).toBe(true);
    expect(readPrivate(directory, "entry")).toBe("two");
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["entry"]);
  });

  test.each<[string, () => void]>([
    ["another's", () => chownSync(file(), 65_534, 65_534)],
    ["open to the group", () => chmodSync(file(), 0o640)],
    ["of two names", () => linkSync(file(), `${file()}2`)],
    ["too large", () => writeFileSync(file(), "x".repeat(17 * 1024))],
    [
      "a pipe",
      () => {
        rmSync(file());
        execFileSync("mkfifo", ["-m", "600", file()]);
      },
    ],
    [
      "a link",
      () => {
        writePrivate(directory, "other", "theirs");
        rmSync(file());
        symlinkSync(join(directory, "other"), file());
      },
    ],
  ])("are not read if the file is %s", (_name, spoil) => {
    writePrivate(directory, "entry", "mine");
    expect(readPrivate(directory, "entry")).toBe("mine");
    spoil();
    expect(readPrivate(directory, "entry")).toBeNull();
  });

  test("replace a link instead of writing through it", () => {
    const target = join(directory, "target");
    writeFileSync(target, "untouched");
    symlinkSync(target, file());
    expect(writePrivate(directory, "entry", "mine")).toBe(true);
    expect(readPrivate(directory, "target")).toBeNull();
    expect(statSync(target).size).toBe("untouched".length);
    expect(readPrivate(directory, "entry")).toBe("mine");
  });

  test("are skipped without an error if there is no folder for them", () =>
    expect(writePrivate(join(directory, "none"), "entry", "x")).toBe(false));

  test("are in the runtime folder, else in ~/.cache", () => {
    const runtime = join(directory, "run");
    mkdirSync(runtime, { mode: 0o700 });
    expect(privateDirectory({ XDG_RUNTIME_DIR: runtime, HOME: directory })).toBe(
      join(runtime, "gleaner"),
    );
    expect(privateDirectory({ HOME: directory })).toBe(join(directory, ".cache/gleaner"));
    expect(statSync(join(directory, ".cache/gleaner")).mode & 0o777).toBe(0o700);
  });

  test.each<[string, (leaf: string) => void]>([
    ["open to others", (leaf) => chmodSync(leaf, 0o755)],
    ["another's", (leaf) => chownSync(leaf, 65_534, 65_534)],
    [
      "a link",
      (leaf) => {
        rmSync(leaf, { recursive: true });
        mkdirSync(`${leaf}.real`, { mode: 0o700 });
        symlinkSync(`${leaf}.real`, leaf);
      },
    ],
  ])("are not put into a folder that is %s", (_name, spoil) => {
    const leaf = privateDirectory({ HOME: directory })!;
    spoil(leaf);
    expect(privateDirectory({ HOME: directory })).toBeNull();
  });

  test("are not put into another user's home, a relative one or none", () => {
    const theirs = join(directory, "theirs");
    mkdirSync(theirs);
    chownSync(theirs, 65_534, 65_534);
    for (const HOME of [theirs, "relative", undefined])
      expect(privateDirectory(HOME === undefined ? {} : { HOME })).toBeNull();
    expect(readdirSync(theirs)).toEqual([]);
  });
});

describe("names and numbers", () => {
  test("include UUIDs of version 4, new each time", () => {
    const made = Array.from({ length: 200 }, randomUuid);
    const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(made.filter((each) => !shape.test(each))).toEqual([]);
    expect(new Set(made).size).toBe(made.length);
  });

  test("include a short, distinct name for a key of any length", () => {
    const names = ["/a", "/b", "/a/".repeat(2_000)].map((key) => privateName("token", key));
    expect(new Set(names).size).toBe(3);
    expect(names.filter((name) => !/^token-[0-9a-f]{8}\.json$/.test(name))).toEqual([]);
  });
});

describe("one request", () => {
  let server: Server;
  let listener: RequestListener;
  const address = () => ({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  beforeEach(async () => {
    server = createServer((request, response) => listener(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  const get = (timeoutMs = 10_000) =>
    exchange(address(), { method: "GET", path: "/v1/info", timeoutMs });

  test("ends at its time limit if no answer comes", async () => {
    listener = () => undefined;
    await expect(get(50)).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: expect.stringContaining("no answer within 50 ms"),
    });
  });

  test("keeps its connection for the next one, and opens another where the daemon closed it", async () => {
    const sockets = new Set<object>();
    listener = (request, response) => {
      sockets.add(request.socket);
      request.resume().once("end", () => {
        const isLast = request.url === "/last";
        const head = { "content-length": 2, ...(isLast && { connection: "close" }) };
        response.writeHead(200, head).end("{}");
      });
    };
    const send = (path: string) =>
      exchange(address(), { method: "POST", path, body: {}, keepsConnection: true });
    for (const path of ["/1", "/2", "/last"]) await send(path);
    expect(sockets.size).toBe(1);
    await send("/4");
    expect(sockets.size).toBe(2);
    await Promise.all([send("/5"), send("/6")]);
    expect(sockets.size).toBe(3);
  });

  test("leaves nothing on the connection that it used", async () => {
    const sockets: Socket[] = [];
    const seen = (message: unknown) => sockets.push((message as { socket: Socket }).socket);
    subscribe("net.client.socket", seen);
    listener = (request, response) => {
      request
        .resume()
        .once("end", () => response.writeHead(200, { "content-length": 2 }).end("{}"));
    };
    const counts = () =>
      sockets.map((each) => each.eventNames().map((name) => each.listenerCount(name)));
    const send = () =>
      exchange(address(), { method: "POST", path: "/1", body: {}, keepsConnection: true });
    await send();
    const after = counts();
    for (let times = 0; times < 3; times++) await send();
    unsubscribe("net.client.socket", seen);
    expect(sockets).toHaveLength(1);
    expect(counts()).toEqual(after);
  });

  test("fails if its answer breaks off in the middle", async () => {
    listener = (_request, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("{", () => response.destroy());
    };
    await expect(get()).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  test("fails if a list without an announced length breaks off", async () => {
    listener = (_request, response) => {
      response.write('{"invocations":[{"id":1}', () => response.socket?.end());
    };
    await expect(get()).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: expect.stringContaining("broke (the answer is incomplete)"),
    });
  });

  test("fails at the size limit if its answer has no end", async () => {
    listener = (_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 32);
      const fill = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", fill);
      fill();
    };
    await expect(get(60_000)).rejects.toMatchObject({
      code: "PROTOCOL",
      message: expect.stringContaining("larger than 68157440 bytes"),
    });
  });

  test("fails if the connection is closed without an answer", async () => {
    listener = (request) => request.socket.end();
    await expect(get()).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  test("joins an answer in pieces without an announced length", async () => {
    listener = (_request, response) => {
      response.write('{"word":"\u00e4', () => setImmediate(() => response.end('\u00f6"}')));
    };
    await expect(get()).resolves.toEqual({ word: "\u00e4\u00f6" });
  });

  test.each(["a\r\nX-Other: 1", "a b", ""])("a token %j never reaches the wire", async (token) => {
    let asked = 0;
    listener = (_request, response) => void response.end(`{"asked":${++asked}}`);
    const request = exchange(address(), { method: "GET", path: "/v1/info", token });
    await expect(request).rejects.toMatchObject({ code: "PROTOCOL" });
    expect(asked).toBe(0);
  });

  test.each([
    ["no JSON", 200, "<html>", "PROTOCOL"],
    ["JSON that is no object", 200, "7", "PROTOCOL"],
    ["an error of another program", 502, '{"oops":1}', "PROTOCOL"],
    ["a code of a newer daemon", 409, '{"error":{"code":"NEW","message":"m"}}', "BAD_REQUEST"],
    [
      "a code that is a name of Object",
      500,
      '{"error":{"code":"toString","message":"m"}}',
      "PROTOCOL",
    ],
    ["our own error", 403, '{"error":{"code":"NOT_ALLOWED","message":"m"}}', "NOT_ALLOWED"],
  ])("%s", async (_name, status, body, code) => {
    listener = (_request, response) => void response.writeHead(status).end(body);
    await expect(get()).rejects.toMatchObject({ code });
  });

  const newClient = () =>
    new GleanerClient({
      address: address(),
      munge: { socket: null, daemonUser: "root" },
      cacheDirectory: null,
      cacheKey: "",
    });

  test("ends with its signal while its token has to wait", async () => {
    const gone = new AbortController();
    listener = (_request, response) => {
      const error = { code: "LIMIT_REACHED", message: "wait" };
      response.writeHead(429, { "retry-after": "600" }).end(JSON.stringify({ error }));
      response.once("close", () => gone.abort(new Error("enough")));
    };
    const [client, { signal }] = [newClient(), gone];
    const call = { requestId: "r", function: "f", timeLimitMs: null, waitMs: 1, fresh: true };
    const calling = client.call({ ...call, input: { contentType: "", text: "" } }, signal);
    await expect(calling).rejects.toThrow("enough");
  });

  test("is not sent if a submission is too large", async () => {
    let asked = 0;
    listener = (_request, response) => {
      asked++;
      response.end("{}");
    };
    const client = newClient();
    const body = `#!${"x".repeat(6 * 1024 * 1024)}`;
    const submission = { command: { kind: "script", body, args: [] } };
    await expect(
      client.submit({ requestId: "r", submission } as unknown as Parameters<
        typeof client.submit
      >[0]),
    ).rejects.toMatchObject({ code: "LIMIT_REACHED" });
    expect(asked).toBe(0);
  });
});
