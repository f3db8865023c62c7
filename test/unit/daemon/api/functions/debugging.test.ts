// The code of a version over the API: for everybody who may call it, whole, and for nobody else.

import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import { ada, bob, denied, functionSite } from "../../../../support/daemon/function-site.js";

const site = functionSite();

async function bundle(owner: string, version: string, uid: number) {
  const answer = await fetch(
    `http://127.0.0.1:${site.api.port}/v1/functions/${owner}/tile/versions/${version}/bundle`,
    { headers: { authorization: `Bearer ${site.api.tokenOf(uid)}` } },
  );
  return { status: answer.status, bytes: new Uint8Array(await answer.arrayBuffer()) };
}

const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("arrives as it was deployed, by its alias, its first digits and its hash", async () => {
  const { version } = (await site.deploy("tile", "x = 1".repeat(100_000))).body;
  await site.deploy("tile", "x = 2");
  for (const each of [version, version.slice(0, 12)])
    expect(hash((await bundle("-", each, ada)).bytes)).toBe(version);
  expect(hash((await bundle("-", "latest", ada)).bytes)).not.toBe(version);
});

test("is for those with whom the function is shared", async () => {
  const { version } = (await site.deploy("tile", "x = 1")).body;
  expect((await bundle(String(ada), version, bob)).status).toBe(404);
  await site.api.send("PUT", "/v1/functions/-/tile/sharing", ada, { sharing: "all" });
  expect(hash((await bundle(String(ada), version, bob)).bytes)).toBe(version);
  expect((await bundle(String(ada), version, denied)).status).toBe(403);
});
