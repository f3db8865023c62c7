// Deploying by the SDK: code is packed, sent and recorded by a real server; refusals arrive before
// the content is sent.

import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { scan } from "../../../src/bundle/scan.js";
import { unsetSettings } from "../../../src/model/functions/settings.js";
import { FunctionsClient } from "../../../src/sdk/functions/client.js";
import { deployFunction, packFunction } from "../../../src/sdk/functions/deploy.js";
import { exchange } from "../../../src/sdk/http/exchange.js";
import { writeTree } from "../../support/bundle/bundles.js";
import { ada, denied, functionSite } from "../../support/daemon/function-site.js";

const site = functionSite();
const settings = { ...unsetSettings, runtime: "python" } as const;
let code: string;
beforeEach(() => {
  code = writeTree(mkdtempSync(join(site.folder, "sdk-")), { "main.py": "x".repeat(300_000) });
});

function clientOf(uid: number = ada): { functions: FunctionsClient } {
  const address = { host: "127.0.0.1", port: site.api.port };
  const token = site.api.tokenOf(uid);
  return { functions: new FunctionsClient((what) => exchange(address, { ...what, token })) };
}

const deploy = async (name: string, uid?: number) =>
  deployFunction(clientOf(uid), { name }, await packFunction(await scan(code), settings));

describe("a deploy", () => {
  test("is recorded, and every request about it is answered", async () => {
    const answer = await deploy("tile");
    expect(answer).toMatchObject({ owner: "u1000", name: "tile", isNew: true });
    expect([...site.files.kept.keys()]).toEqual([answer.version]);
    const { functions } = clientOf();
    const own = { owner: null, name: "tile" };
    expect((await functions.list({ limit: 5 })).functions).toMatchObject([{ name: "tile" }]);
    expect(await functions.setAlias(own, "prod", "latest")).toEqual({
      alias: "prod",
      version: answer.version,
    });
    expect(await functions.share(own, "all")).toEqual({ sharing: "all" });
    expect(await functions.show({ owner: "u1000", name: "tile" }, "prod")).toMatchObject({
      sharing: "all",
      shown: { settings: { runtime: "python" } },
    });
    await expect(functions.removeVersion(own, answer.version)).rejects.toMatchObject({
      code: "BAD_REQUEST",
    });
    await functions.removeAlias(own, "prod");
    expect(await functions.remove(own)).toEqual({ removed: "the function u1000/tile" });
    await expect(functions.show(own, "latest")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("that is refused says why, before anything is sent", async () => {
    let opened = 0;
    const packed = await packFunction(await scan(code), settings);
    const open = () => {
      opened++;
      return packed.open();
    };
    const refused = deployFunction(clientOf(denied), { name: "tile" }, { ...packed, open });
    await expect(refused).rejects.toMatchObject({
      code: "NOT_ALLOWED",
      message: "you may not run functions here",
    });
    expect(opened).toBe(0);
  });

  test("of a file that changes meanwhile is refused, and leaves nothing", async () => {
    const packed = await packFunction(await scan(code), settings);
    writeFileSync(join(code, "main.py"), "y".repeat(300_000));
    await expect(deployFunction(clientOf(), { name: "t" }, packed)).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(/it changed while it was sent; send it again/),
    });
    writeFileSync(join(code, "main.py"), "short");
    await expect(deployFunction(clientOf(), { name: "t" }, packed)).rejects.toThrow(
      /main\.py changed while it was read: deploy again/,
    );
    expect([site.files.kept.size, site.files.unfinished]).toEqual([0, 0]);
  });
});

test("a content is sent again after its connection broke", async () => {
  const packed = await packFunction(await scan(code), settings);
  let connections = 0;
  const waiting: Socket[] = [];
  const relay = createServer((socket) => {
    waiting.push(socket);
    socket.on("error", () => undefined);
    // The first one is told to go on, and then nobody is there any more.
    if (++connections === 1) socket.write("HTTP/1.1 100 Continue\r\n\r\n", () => socket.destroy());
    else {
      const body = JSON.stringify({ sha256: packed.version, bytes: packed.bytes, isNew: true });
      socket.on("data", () =>
        socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
      );
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const address = { host: "127.0.0.1", port: (relay.address() as { port: number }).port };
  const functions = new FunctionsClient((what) => exchange(address, what));
  expect(await functions.putBlob(packed.version, packed)).toMatchObject({ isNew: true });
  expect(connections).toBe(2);
  for (const socket of waiting) socket.destroy();
  await new Promise((resolve) => relay.close(resolve));
});
