// The store's functions, versions, aliases and blobs, on a real database file.

import { beforeEach, describe, expect, test } from "@jest/globals";
import type { Deployment } from "../../../../src/core/ports/functions.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { unsetSettings } from "../../../../src/model/functions/settings.js";
import { blobHash, bundleOf, type VersionId, versionId } from "../../../../src/model/ids.js";
import { storeForEachTest } from "../../../support/store/store.js";

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

const ada = { uid: 1_000, user: "ada" };
const bob = { uid: 1_001, user: "bob" };
const settings = { ...unsetSettings, runtime: "node", memoryMb: 100, timeLimitMs: 1_000 } as const;
const limits = { maxFunctions: 3, maxVersions: 3 };
const version = (digit: number) => versionId(String(digit).padStart(64, "0"));

let requests = 0;
beforeEach(() => {
  requests = 0;
});

async function deploy(name: string, digit: number, change: Partial<Deployment> = {}) {
  const owner = change.owner ?? ada;
  const blob = { ownerUid: owner.uid, sha256: bundleOf(version(digit)), bytes: 10 + digit };
  await store.keepBlob({ ...blob, keptAtMs: 1 });
  const request = { requestId: `r${++requests}`, owner, name, settings, deployedAtMs: requests };
  return store.deploy({ ...request, version: version(digit), ...change }, limits);
}

const aliasesOf = async (name: string) =>
  Object.fromEntries(
    (await store.loadFunction(ada.uid, name))!.aliases.map(({ alias, version }) => [
      alias,
      Number(version),
    ]),
  );
const versionsOf = async (name: string, uid = ada.uid) =>
  (await store.loadFunction(uid, name))?.versions.map(({ version }) => Number(version)) ?? null;
const refused = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe("deploy", () => {
  test("records a version and moves latest to it", async () => {
    const first = await deploy("tile", 1);
    expect(first).toMatchObject({ isKnown: false, removed: [] });
    await deploy("tile", 2, { sharing: "group:hep" });
    expect(await store.loadFunction(ada.uid, "tile")).toEqual({
      id: 1,
      owner: ada,
      name: "tile",
      sharing: "group:hep",
      aliases: [{ alias: "latest", version: version(2) }],
      versions: [
        { key: 2, version: version(2), runtime: "node", bytes: 12, deployedAtMs: 2 },
        { key: 1, version: version(1), runtime: "node", bytes: 11, deployedAtMs: 1 },
      ],
    });
    expect(await store.loadVersion(first.key)).toEqual({
      ...{ key: 1, version: version(1), runtime: "node", bytes: 11, deployedAtMs: 1 },
      ...{ owner: ada, name: "tile", settings },
    });
  });

  test("of the same bundle is the same version with the settings of its first deploy", async () => {
    const { key } = await deploy("tile", 1);
    await deploy("tile", 2);
    const other = { ...settings, memoryMb: 7 };
    expect(await deploy("tile", 1, { settings: other })).toMatchObject({ key, isKnown: true });
    expect(await aliasesOf("tile")).toEqual({ latest: 1 });
    expect(await versionsOf("tile")).toEqual([1, 2]);
    expect((await store.loadVersion(key))!.settings.memoryMb).toBe(100);
  });

  test("repeated under one request id does not move latest back", async () => {
    await deploy("tile", 1, { requestId: "one" });
    await deploy("tile", 2);
    expect(await deploy("tile", 1, { requestId: "one" })).toMatchObject({ isKnown: true });
    expect(await aliasesOf("tile")).toEqual({ latest: 2 });
  });

  test("repeated after the same version was deployed by another request changes nothing", async () => {
    await deploy("tile", 1, { requestId: "one" });
    await deploy("tile", 1, { requestId: "two" });
    await deploy("tile", 2);
    for (const requestId of ["one", "two"])
      expect(await deploy("tile", 1, { requestId })).toMatchObject({ isKnown: true });
    expect(await aliasesOf("tile")).toEqual({ latest: 2 });
  });

  test("repeated under one request id brings nothing back that was removed or changed", async () => {
    await deploy("tile", 1, { requestId: "one", sharing: "all" });
    const { id } = (await store.loadFunction(ada.uid, "tile"))!;
    await store.removeFunction(id, 9);
    await deploy("tile", 1, { requestId: "one", sharing: "all" });
    expect(await versionsOf("tile")).toBeNull();
    await deploy("tile", 2);
    await deploy("tile", 1, { requestId: "one", sharing: "all" });
    const found = await store.loadFunction(ada.uid, "tile");
    expect(found).toMatchObject({ sharing: "none", versions: [{ version: version(2) }] });
  });

  test("needs the bundle of its owner, not of somebody else", async () => {
    await deploy("tile", 1, { owner: bob });
    const request = { requestId: "x", owner: ada, name: "tile", version: version(1), settings };
    await expect(store.deploy({ ...request, deployedAtMs: 1 }, limits)).rejects.toEqual(
      refused("NOT_FOUND", /does not have your bundle 0+1: send it with PUT/),
    );
  });

  test("keeps two users' functions of one name apart, with the same bundle", async () => {
    await deploy("tile", 1);
    await deploy("tile", 1, { owner: bob, sharing: "all" });
    await store.removeFunction((await store.loadFunction(ada.uid, "tile"))!.id, 9);
    expect(await versionsOf("tile")).toBeNull();
    expect(await versionsOf("tile", bob.uid)).toEqual([1]);
  });

  test("beyond the limit removes the oldest versions without an alias", async () => {
    const { key } = await deploy("tile", 1);
    await store.setAlias(key, "prod", 10);
    await deploy("tile", 2);
    await deploy("tile", 3);
    expect((await deploy("tile", 4)).removed).toEqual([version(2)]);
    expect(await versionsOf("tile")).toEqual([4, 3, 1]);
    const [, third] = (await store.loadFunction(ada.uid, "tile"))!.versions;
    await store.setAlias(third!.key, "test", 10);
    await store.setAlias((await deploy("tile", 5)).key, "next", 10);
    await expect(deploy("tile", 6)).rejects.toEqual(
      refused("LIMIT_REACHED", /tile has 3 versions, .* and an alias points to each/),
    );
    expect(await versionsOf("tile")).toEqual([5, 3, 1]);
    expect(await aliasesOf("tile")).toEqual({ latest: 5, next: 5, prod: 1, test: 3 });
  });

  test("refuses one function more than a user may have; removed ones do not count", async () => {
    for (const name of ["a", "b", "c"]) await deploy(name, 1);
    await expect(deploy("d", 1)).rejects.toEqual(refused("LIMIT_REACHED", /you have 3 functions/));
    await deploy("a", 2);
    await deploy("d", 1, { owner: bob });
    await store.removeFunction((await store.loadFunction(ada.uid, "a"))!.id, 9);
    await deploy("d", 1);
    await expect(deploy("a", 1)).rejects.toEqual(refused("LIMIT_REACHED", /glean function remove/));
  });

  test("revives a removed version and function, shared with nobody", async () => {
    const { key } = await deploy("tile", 1, { sharing: "all" });
    await store.removeFunction(1, 9);
    expect(await store.loadVersion(key)).toMatchObject({ version: version(1) });
    expect(await deploy("tile", 1)).toMatchObject({ key, isKnown: false });
    expect(await store.loadFunction(ada.uid, "tile")).toMatchObject({ sharing: "none" });
  });
});

describe("aliases and removal", () => {
  test("an alias moves, and is removed once", async () => {
    const first = await deploy("tile", 1);
    const second = await deploy("tile", 2);
    await store.setAlias(first.key, "prod", 2);
    await store.setAlias(second.key, "prod", 2);
    expect(await aliasesOf("tile")).toEqual({ latest: 2, prod: 2 });
    await expect(store.setAlias(first.key, "third", 2)).rejects.toEqual(
      refused("LIMIT_REACHED", /may have 2 aliases/),
    );
    expect(await store.removeAlias(1, "prod")).toBe(true);
    expect(await store.removeAlias(1, "prod")).toBe(false);
    await store.removeVersion(first.key, 9);
    await expect(store.setAlias(first.key, "prod", 2)).rejects.toEqual(
      refused("NOT_FOUND", /was removed meanwhile/),
    );
  });

  test("a version that an alias points to is not removed", async () => {
    const { key } = await deploy("tile", 1);
    await expect(store.removeVersion(key, 9)).rejects.toEqual(
      refused("BAD_REQUEST", /the alias latest points to this version/),
    );
    await deploy("tile", 2);
    await store.removeVersion(key, 9);
    expect(await versionsOf("tile")).toEqual([2]);
  });

  test("a removed version stays while calls use it, its bundle with it", async () => {
    const { key } = await deploy("tile", 1);
    await store.removeFunction(1, 5);
    expect(await store.pruneFunctions(6, [version(1)], 10)).toBe(0);
    expect(await store.loadVersion(key)).toMatchObject({ version: version(1) });
    expect(await store.listUnusedBlobs(1_000, 10)).toEqual([]);
    expect(await store.pruneFunctions(6, [version(2)], 10)).toBe(1);
  });

  test("what was removed is deleted later, its bundle after it", async () => {
    const { key } = await deploy("tile", 1);
    await deploy("tile", 2);
    await store.removeVersion(key, 100);
    expect(await store.pruneFunctions(100, [], 10)).toBe(0);
    expect(await store.listUnusedBlobs(1_000, 10)).toEqual([]);
    expect(await store.pruneFunctions(101, [], 10)).toBe(1);
    expect(await store.loadVersion(key)).toBeNull();
    expect(await store.listUnusedBlobs(1_000, 10)).toMatchObject([{ sha256: version(1) }]);
    await store.removeFunction(1, 100);
    expect(await store.pruneFunctions(101, [], 10)).toBe(1);
    await deploy("tile", 3);
    expect((await store.loadFunction(ada.uid, "tile"))!.id).toBe(2);
  });
});

describe("lists", () => {
  const listed = async (filter: Partial<Parameters<Store["listFunctions"]>[0]>) => {
    const { functions } = await store.listFunctions({ limit: 10, ...filter });
    return functions.map(({ owner, name }) => `${owner.user}/${name}`);
  };
  beforeEach(async () => {
    await deploy("mine", 1);
    await deploy("all", 1, { owner: bob, sharing: "all" });
    await deploy("hep", 1, { owner: bob, sharing: "group:hep" });
    await deploy("own", 1, { owner: bob });
  });

  test("have what a user owns and may call", async () => {
    const uid = ada.uid;
    expect(await listed({})).toEqual(["ada/mine", "bob/all", "bob/hep", "bob/own"]);
    expect(await listed({ visibleTo: { uid, groups: [] } })).toEqual(["ada/mine", "bob/all"]);
    const groups = ["users", "hep"];
    expect(await listed({ visibleTo: { uid, groups } })).toEqual([
      "ada/mine",
      "bob/all",
      "bob/hep",
    ]);
    expect(await listed({ visibleTo: { uid, groups }, ownerUid: bob.uid })).toEqual([
      "bob/all",
      "bob/hep",
    ]);
    expect(await listed({ visibleTo: { uid: bob.uid, groups: [] }, ownerUid: ada.uid })).toEqual(
      [],
    );
  });

  test("have sums over the versions, and say when they are cut", async () => {
    await deploy("mine", 2);
    const { functions, truncated } = await store.listFunctions({ limit: 1 });
    expect(truncated).toBe(true);
    expect(functions).toEqual([
      {
        ...{ owner: ada, name: "mine", sharing: "none", version: version(2), runtime: "node" },
        ...{ versions: 2, bytes: 23, deployedAtMs: 5 },
      },
    ]);
  });

  test("an owner's name is known from functions, too", async () => {
    expect(await store.uidNamed("bob")).toBe(bob.uid);
  });
});

describe("blobs", () => {
  const hash = (digit: number) => blobHash(version(digit));
  const keep = (uid: number, digit: number, keptAtMs = 1) =>
    store.keepBlob({ ownerUid: uid, sha256: hash(digit), bytes: 5, keptAtMs });

  test("are kept for each owner, and counted for each", async () => {
    expect(await keep(1, 1)).toBe(true);
    expect(await keep(1, 1, 7)).toBe(false);
    expect(await keep(2, 1)).toBe(true);
    await keep(1, 2);
    expect(await store.loadBlob(1, hash(1))).toMatchObject({ bytes: 5, keptAtMs: 7 });
    expect(await store.loadBlob(2, hash(2))).toBeNull();
    expect(await store.loadBlobUse()).toEqual([
      { uid: 1, bytes: 10 },
      { uid: 2, bytes: 5 },
    ]);
    expect(await store.knownBlobs([hash(3), hash(2)])).toEqual([hash(2)]);
  });

  test("are forgotten when nothing needs them, unless they were sent again", async () => {
    await keep(1, 1, 10);
    await keep(2, 1, 10);
    await deploy("tile", 4);
    expect(await store.listUnusedBlobs(11, 10)).toHaveLength(2);
    expect(await store.listUnusedBlobs(10, 10)).toHaveLength(0);
    const kept = { isForgotten: false, isLast: false };
    expect(await store.forgetBlob(1, hash(1), 10)).toEqual(kept);
    expect(await store.forgetBlob(ada.uid, hash(4), 10)).toEqual(kept);
    expect(await store.forgetBlob(1, hash(1), 11)).toEqual({ isForgotten: true, isLast: false });
    expect(await store.forgetBlob(2, hash(1), 11)).toEqual({ isForgotten: true, isLast: true });
  });
});

test("a version's number is never given again", async () => {
  const { key } = await deploy("tile", 1);
  await store.removeFunction(1, 5);
  await store.pruneFunctions(6, [], 10);
  const { key: next } = await deploy("tile", 1);
  expect(next).toBe(key + 1);
  expect((await store.loadVersion(next))!.version satisfies VersionId).toBe(version(1));
});

test("functions with a min-warm are found by the version that latest points to", async () => {
  const warm = { settings: { ...settings, minWarm: 2 } };
  await deploy("tile", 1, warm);
  await deploy("cold", 2);
  await deploy("gone", 3, { ...warm, owner: bob });
  await store.removeFunction((await store.loadFunction(bob.uid, "gone"))!.id, 9);
  expect(await store.listMinWarm()).toMatchObject([
    { owner: ada, name: "tile", version: version(1), bytes: 11, settings: { minWarm: 2 } },
  ]);
  await deploy("tile", 4);
  expect(await store.listMinWarm()).toEqual([]);
});
