// The cache of code on a node: bounded, checked, and never without what a worker uses.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { maxBlobBytes } from "../../../../src/bundle/limits.js";
import { removeUnpacked } from "../../../../src/bundle/unpack.js";
import { nowMs } from "../../../../src/clock.js";
import { BundleArrivals } from "../../../../src/executor/workers/bundle-arrivals.js";
import { BundleCache } from "../../../../src/executor/workers/bundle-cache.js";
import { ResultSink } from "../../../../src/executor/workers/payloads/result-sink.js";
import type { Payload } from "../../../../src/model/call.js";
import type { VersionId } from "../../../../src/model/ids.js";
import { type ShiftedClock, shiftedClock } from "../../../support/daemon/shifted-clock.js";
import { codeOf, type FunctionCode } from "../../../support/executor/function-code.js";

let folder: string;
let root: string;
/** The versions that were sent for, in order. */
let asked: VersionId[];
let inUse: Set<VersionId>;
let clock: ShiftedClock;
const known = new Map<VersionId, FunctionCode>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "glean-cache-"));
  root = join(folder, "bundles");
  asked = [];
  inUse = new Set();
  clock = shiftedClock();
});
afterEach(async () => {
  clock.restore();
  await removeUnpacked(root);
  rmSync(folder, { recursive: true });
});

/** Fewer versions than usual: each takes time to unpack. */
const most = { versions: 64, bytes: 64 * maxBlobBytes };

/** A cache whose gleanerd answers at once. */
function cache(room = most): BundleCache {
  const made: BundleCache = new BundleCache(
    root,
    (version) => {
      asked.push(version);
      const bytes = known.get(version)!.bundle;
      queueMicrotask(() =>
        made.arrived({ type: "bundlePart", version, offset: 0, bytes, isLast: true }),
      );
    },
    () => inUse,
    room,
  );
  return made;
}

async function version(text: string, more: Record<string, Uint8Array> = {}): Promise<VersionId> {
  const code = await codeOf({ "index.mjs": `export default () => "${text}";`, ...more });
  known.set(code.version, code);
  return code.version;
}

test("a version is fetched once, and again by the next executor only if it was changed", async () => {
  const one = await version("one");
  const first = cache();
  expect(await first.folderOf(one)).toBe(await first.folderOf(one));
  const path = await cache().folderOf(one);
  expect(asked).toEqual([one]);
  chmodSync(path, 0o755);
  writeFileSync(join(path, "more.mjs"), "");
  await cache().folderOf(one);
  expect(asked).toEqual([one, one]);
  expect(readdirSync(path)).not.toContain("more.mjs");
});

test("more versions stay than would fit if all were large, as long as they take less", async () => {
  const large = await version("large", { data: randomBytes(600_000) });
  const small = await Promise.all(["one", "other"].map((name) => version(name)));
  const bytes = maxBlobBytes + 500_000;
  const there = cache({ versions: 64, bytes });
  for (const each of small) await there.folderOf(each);
  expect(readdirSync(root)).toHaveLength(2);
  await there.folderOf(large);
  expect(readdirSync(root)).toHaveLength(3); // its size was not known before
  const last = await version("last");
  utimesSync(join(root, large), 0, 0);
  await there.folderOf(last);
  expect(readdirSync(root).sort()).toEqual([...small, last].sort());
});

test("at most 64 versions stay, among them those of workers", async () => {
  const all: VersionId[] = [];
  for (let each = 0; each < 66; each++) all.push(await version(String(each)));
  const [used, idle] = all;
  inUse = new Set([used!]);
  const there = cache();
  for (const each of all) await there.folderOf(each);
  expect(readdirSync(root)).toHaveLength(64);
  asked = [];
  await there.folderOf(used!);
  expect(asked).toEqual([]);
  await there.folderOf(idle!);
  expect(asked).toEqual([idle]);
});

test("a version that another executor of the node removed is fetched again", async () => {
  const one = await version("one");
  const there = cache();
  const path = await there.folderOf(one);
  await removeUnpacked(path);
  expect(await Promise.all([there.folderOf(one), there.folderOf(one)])).toEqual([path, path]);
  expect(asked).toEqual([one, one]);
  expect(readdirSync(root)).toEqual([one]);
});

test("what another executor uses while versions are removed stays", async () => {
  const [oldest, next] = [await version("oldest"), await version("next")];
  const [here, elsewhere] = [cache(), cache()];
  const old = nowMs() / 1_000 - 3_600;
  for (const [at, each] of [oldest, next].entries())
    utimesSync(await elsewhere.folderOf(each), old + at, old + at);
  // All is chosen before the first is removed, which takes a while.
  const removed = here.giveWay(Object.assign(new Error(), { code: "ENOSPC" }), "");
  const path = await elsewhere.folderOf(next);
  await removed;
  expect(readdirSync(root)).toEqual([next]);
  expect(readdirSync(path)).toContain("index.mjs");
  expect(asked).toEqual([oldest, next]);
});

test("a version that is removed and asked for again meanwhile is fetched once", async () => {
  const one = await version("one");
  const answers: (() => void)[] = [];
  const there: BundleCache = new BundleCache(
    root,
    (asking) => {
      asked.push(asking);
      const bytes = known.get(asking)!.bundle;
      const part = { type: "bundlePart", version: asking, offset: 0, bytes, isLast: true } as const;
      answers.push(() => there.arrived(part));
    },
    () => inUse,
  );
  const asks = async (count: number) => {
    while (answers.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  const first = there.folderOf(one);
  await asks(1);
  answers[0]!();
  await first;
  const removed = there.giveWay(Object.assign(new Error(), { code: "ENOSPC" }), "");
  const during = there.folderOf(one);
  await removed;
  const after = there.folderOf(one);
  await asks(2);
  answers[1]!();
  expect(await after).toBe(await during);
  expect(asked).toEqual([one, one]);
});

test.each([
  ["unless that is long ago", async () => {}],
  [
    "also if it is used here, too",
    (there: BundleCache, theirs: VersionId) => there.folderOf(theirs),
  ],
])("what another executor of the node used just now stays, %s", async (_, useHere) => {
  const all: VersionId[] = [];
  for (let each = 0; each < 66; each++) all.push(await version(`shared ${each}`));
  const [theirs, ...ours] = all;
  const there = cache();
  await there.folderOf(theirs!);
  const used = Date.now() / 1_000 + 1;
  utimesSync(join(root, theirs!), used, used); // as another executor does
  await useHere(there, theirs!);
  for (const each of ours.slice(0, 64)) await there.folderOf(each);
  expect(readdirSync(root)).toContain(theirs);
  expect(readdirSync(root)).toHaveLength(64);
  clock.forward(60_000);
  utimesSync(join(root, theirs!), 0, 0); // the others were used later
  await there.folderOf(ours[64]!);
  expect(readdirSync(root)).not.toContain(theirs);
});

test("on a full disk unused versions give way; without any, nothing is left and a sentence says so", async () => {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=755", "none", folder]);
  try {
    const [one, other] = await Promise.all(
      ["one", "other"].map((name) => version(name, { data: randomBytes(600_000) })),
    );
    const there = cache();
    await there.folderOf(one!);
    inUse = new Set([one!]);
    await expect(there.folderOf(other!)).rejects.toThrow(
      `${root} has no room for it (ENOSPC): ask your site`,
    );
    expect(readdirSync(root)).toEqual([one]);
    inUse = new Set();
    await there.folderOf(other!);
    expect(readdirSync(root)).toEqual([other]);
  } finally {
    execFileSync("umount", ["-l", folder]);
  }
});

test("where nothing can be written, code that is there serves, and other code says why not", async () => {
  const [one, other] = [await version("one"), await version("other")];
  await cache().folderOf(one);
  execFileSync("mount", ["--bind", folder, folder]);
  try {
    execFileSync("mount", ["-o", "remount,ro,bind", folder]);
    const later = cache();
    expect(await later.folderOf(one)).toBe(join(root, one));
    expect(await later.folderOf(one)).toBe(join(root, one));
    await expect(later.folderOf(other)).rejects.toThrow(
      `${root} cannot be written (EROFS): ask your site to check its file system`,
    );
  } finally {
    execFileSync("umount", ["-l", folder]);
  }
});

test("on a full disk unused versions give way to a result; without any, its call is told so", async () => {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=755", "none", folder]);
  try {
    const [one, other] = await Promise.all(
      ["one", "other"].map((name) => version(name, { data: randomBytes(400_000) })),
    );
    const there = cache();
    const keep = async (): Promise<Payload> => {
      const file = await open(join(folder, "result"), "w+");
      const sink = new ResultSink(
        async () => file,
        (thrown) => there.giveWay(thrown, "return less"),
      );
      const result = randomBytes(600_000);
      sink.begin("", result.length);
      try {
        await sink.write(result);
        expect(readFileSync(join(folder, "result")).equals(result)).toBe(true);
        return sink.payload;
      } finally {
        await file.close();
        rmSync(join(folder, "result"));
      }
    };
    for (const each of [one!, other!]) await there.folderOf(each);
    inUse = new Set([one!]);
    expect(await keep()).toMatchObject({ bytes: 600_000 });
    expect(readdirSync(root)).toEqual([one]);
    await there.folderOf(other!);
    inUse.add(other!);
    await expect(keep()).rejects.toThrow(
      `${root} has no room for it (ENOSPC): ask your site to make room there, or return less`,
    );
  } finally {
    execFileSync("umount", ["-l", folder]);
  }
});

test("a version is asked for again only once all of the former transfer has come", async () => {
  const one = await version("one");
  let asks = 0;
  const arrivals = new BundleArrivals(() => asks++);
  const part = { type: "bundlePart", version: one, bytes: Buffer.from("part") } as const;
  const first = arrivals.fetch(one);
  const begun = first.next();
  arrivals.arrived({ ...part, offset: 0, isLast: false });
  await begun;
  await first.return(undefined); // its disk is full
  const second = arrivals.fetch(one);
  const next = second.next();
  await new Promise((resolve) => setImmediate(resolve));
  expect(asks).toBe(1);
  arrivals.arrived({ ...part, offset: 4, isLast: true });
  await new Promise((resolve) => setImmediate(resolve));
  expect(asks).toBe(2);
  arrivals.arrived({ ...part, offset: 0, isLast: true });
  expect(await next).toEqual({ done: false, value: part.bytes });
  expect((await second.next()).done).toBe(true);
});

test("a part that comes twice counts once, and one that never comes fails the transfer", async () => {
  const one = await version("one");
  const arrivals = new BundleArrivals(() => {});
  const part = (offset: number, isLast: boolean) =>
    arrivals.arrived({
      ...{ type: "bundlePart", version: one, bytes: Buffer.from("part") },
      ...{ offset, isLast },
    });
  const whole = arrivals.fetch(one);
  const begun = whole.next();
  part(0, false);
  part(0, false);
  part(4, true);
  const parts = [await begun, await whole.next()].map(({ value }) => String(value));
  expect([...parts, (await whole.next()).done]).toEqual(["part", "part", true]);
  const broken = arrivals.fetch(one).next();
  part(4, true);
  await expect(broken).rejects.toThrow("a part of the bundle is missing");
});

test("a version that is on its way when the connection breaks is not had", async () => {
  const one = await version("one");
  const there = new BundleCache(
    root,
    () => queueMicrotask(() => there.disconnected()),
    () => inUse,
  );
  await expect(there.folderOf(one)).rejects.toThrow("the connection to gleanerd was lost");
  expect(readdirSync(root)).toEqual([]);
});
