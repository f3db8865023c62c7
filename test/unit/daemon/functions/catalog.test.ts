// The catalog and the directory: functions in memory are those of the store, and users find only
// what they may call.

import { beforeEach, describe, expect, test } from "@jest/globals";
import type { FunctionRecord } from "../../../../src/core/ports/functions.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { Catalog } from "../../../../src/daemon/functions/catalog.js";
import { Directory } from "../../../../src/daemon/functions/directory.js";
import { parseFunctionRef } from "../../../../src/model/functions/reference.js";
import { type Sharing, unsetSettings } from "../../../../src/model/functions/settings.js";
import { bundleOf, versionId } from "../../../../src/model/ids.js";
import { storeForEachTest } from "../../../support/store/store.js";

const [ada, bob] = ["ada", "bob"].map((user, at) => ({ uid: 1_000 + at, gid: 100, user })) as [
  Who,
  Who,
];
type Who = { uid: number; gid: number; user: string };
const settings = { ...unsetSettings, runtime: "node", memoryMb: 1, timeLimitMs: 1 } as const;
const limits = { maxFunctions: 9, maxVersions: 9 };

let store: Store;
let reads: string[];
let catalog: Catalog;
let directory: Directory;
/** null: the directories do not answer. */
let groups: readonly string[] | null;
storeForEachTest((opened) => {
  store = opened;
});
beforeEach(() => {
  reads = [];
  groups = ["users", "hep"];
  const noting = {
    ...store,
    loadFunction: (uid: number, name: string) => {
      reads.push(name);
      return store.loadFunction(uid, name);
    },
  };
  catalog = new Catalog(noting);
  const accounts = {
    byName: async (name: string) =>
      name === "ada" ? { name, uid: ada.uid, shell: "/bin/sh" } : null,
    byUid: async (uid: number) => ({ name: `u${uid}`, uid, shell: "/bin/sh" }),
    groupsOf: async () => groups ?? Promise.reject(new Error("no answer")),
    groupNamed: async (name: string) => name,
  };
  directory = new Directory({ catalog, accounts, store });
});

const version = (digit: string) => versionId(`${digit.repeat(8)}${"0".repeat(56)}`);
let requests = 0;

async function deploy(name: string, digit: string, sharing?: Sharing, owner = ada) {
  const sha256 = bundleOf(version(digit));
  await store.keepBlob({ ownerUid: owner.uid, sha256, bytes: 1, keptAtMs: 1 });
  const what = { requestId: `r${++requests}`, owner, name, version: version(digit), settings };
  return catalog.deploy(
    { ...what, deployedAtMs: requests, ...(sharing !== undefined && { sharing }) },
    limits,
  );
}

const resolve = async (who: Who, text: string) =>
  (await directory.resolve(who, parseFunctionRef(text))).version;

describe("the catalog", () => {
  test("reads a function once, until it changes", async () => {
    await deploy("tile", "a");
    for (let at = 0; at < 3; at++) expect(await resolve(ada, "tile")).toBe(version("a"));
    expect(reads).toEqual(["tile"]);
    const { key } = await deploy("tile", "b");
    expect(await resolve(ada, "tile")).toBe(version("b"));
    expect(reads).toEqual(["tile", "tile"]);
    const record = (await catalog.find(ada.uid, "tile"))!;
    await catalog.setAlias(record, key, "prod", 9);
    expect(await resolve(ada, "tile@prod")).toBe(version("b"));
    await catalog.removeAlias(record, "prod");
    await expect(resolve(ada, "tile@prod")).rejects.toThrow(/no alias prod: it has latest/);
    await catalog.remove(record, 5);
    await expect(resolve(ada, "tile")).rejects.toThrow(/you have no function tile: deploy it/);
  });

  test("does not keep what it read before a change that came first", async () => {
    await deploy("tile", "a");
    let answer: (record: FunctionRecord | null) => void = () => undefined;
    const old = await store.loadFunction(ada.uid, "tile");
    const slow = new Catalog({
      ...store,
      loadFunction: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const first = slow.find(ada.uid, "tile");
    const release = answer;
    await slow.setSharing(old!, "all");
    release(old);
    expect(await first).toBe(old);
    const second = slow.find(ada.uid, "tile");
    answer({ ...old!, sharing: "all" });
    expect((await second)!.sharing).toBe("all");
  });

  test("knows a version by its number after it was removed", async () => {
    const { key } = await deploy("tile", "a");
    await deploy("tile", "b");
    const record = (await catalog.find(ada.uid, "tile"))!;
    await catalog.removeVersion(record, key, 5);
    expect(await catalog.version(key)).toMatchObject({ name: "tile", owner: { user: "ada" } });
    await expect(resolve(ada, `tile@${version("a")}`)).rejects.toThrow(/has no version/);
  });
});

describe("a user finds", () => {
  test("their own by any selector", async () => {
    await deploy("tile", "a");
    await deploy("tile", "b");
    expect(await resolve(ada, "tile@aaaaaaaa")).toBe(version("a"));
    expect(await resolve(ada, "ada/tile@bbbbbbbb0")).toBe(version("b"));
    expect(await resolve(ada, "1000/tile")).toBe(version("b"));
    await expect(resolve(ada, "tile@cccccccc")).rejects.toThrow(/tile has no version cccccccc/);
  });

  test("none where several versions begin with the digits", async () => {
    await deploy("tile", "a");
    const other = versionId(`${"a".repeat(9)}${"0".repeat(55)}`);
    await store.keepBlob({ ownerUid: ada.uid, sha256: bundleOf(other), bytes: 1, keptAtMs: 1 });
    const what = { requestId: "x", owner: ada, name: "tile", version: other, settings };
    await catalog.deploy({ ...what, deployedAtMs: 1 }, limits);
    await expect(resolve(ada, "tile@aaaaaaaa")).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: "2 versions of tile begin with aaaaaaaa: give more digits",
    });
    expect(await resolve(ada, "tile@aaaaaaaaa")).toBe(other);
  });

  test("another user's of the same name only where it is shared", async () => {
    await deploy("tile", "a");
    await deploy("tile", "b", undefined, bob);
    expect(await resolve(bob, "tile")).toBe(version("b"));
    const hidden = {
      code: "NOT_FOUND",
      message:
        "ada has no function tile that is shared with bob: check the name, or ask ada to share it (glean function share)",
    };
    await expect(resolve(bob, "ada/tile")).rejects.toMatchObject(hidden);
    const record = (await catalog.find(ada.uid, "tile"))!;
    await catalog.setSharing(record, "group:hep");
    expect(await resolve(bob, "ada/tile")).toBe(version("a"));
    groups = ["users"];
    await expect(resolve(bob, "ada/tile")).rejects.toMatchObject(hidden);
    await catalog.setSharing(record, "all");
    expect(await resolve(bob, "ada/tile")).toBe(version("a"));
    await catalog.setSharing(record, "none");
    await expect(resolve(bob, "ada/tile")).rejects.toMatchObject(hidden);
    await expect(resolve(bob, "ada/none")).rejects.toMatchObject({
      message: hidden.message.replace("tile", "none"),
    });
  });

  test("their own while the directories do not answer, and nothing that depends on them", async () => {
    await deploy("tile", "a", "group:hep");
    groups = null;
    expect(await resolve(ada, "tile")).toBe(version("a"));
    await expect(resolve(bob, "ada/tile")).rejects.toThrow("no answer");
  });

  test("functions of a user whom the system does not know any more", async () => {
    await deploy("tile", "a", "all", { ...bob, user: "carl" });
    expect(await resolve(ada, "carl/tile")).toBe(version("a"));
    await expect(resolve(ada, "nobody/tile")).rejects.toThrow(/nobody has no function tile/);
  });
});
