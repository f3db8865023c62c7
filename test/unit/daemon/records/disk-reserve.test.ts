// A disk that is nearly full: nothing more is accepted, with a sentence, until there is room again.

import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Time, useTime } from "../../../../src/clock.js";
import { DiskReserve } from "../../../../src/daemon/records/disk-reserve.js";

let atMs: number;
let restore: () => void;
beforeEach(() => {
  atMs = 1;
  restore = useTime({ monotonicMs: () => atMs } as Time);
});
afterEach(() => restore());

/** A disk with so many MB that are free for users. */
const diskOf = (freeMb: () => number) => async () => ({
  bsize: 4_096,
  blocks: 1_000_000,
  bavail: (freeMb() * 1024 * 1024) / 4_096,
});

test("submissions are refused while the reserve is in use, without a look at the disk for each", async () => {
  let [freeMb, looks] = [512, 0];
  const stat = diskOf(() => {
    looks++;
    return freeMb;
  });
  const reserve = new DiskReserve("/state", 512, stat);
  await reserve.require();
  freeMb = 511;
  await reserve.require();
  expect(looks).toBe(1);
  atMs += 1_000;
  await expect(reserve.require()).rejects.toMatchObject({
    code: "LIMIT_REACHED",
    message: expect.stringMatching(
      /^the disk .* has only 511 MB free, and 512 MB are reserved .*free some space/,
    ),
  });
  atMs += 1_000;
  freeMb = 600;
  await reserve.require();
});

test("a real disk reports its free space, and an unknown amount is no reason to refuse", async () => {
  const real = await new DiskReserve(tmpdir(), 0).freeMb();
  expect(real).toBeGreaterThan(0);
  expect(real).toBeLessThan(Number.POSITIVE_INFINITY);
  expect(await new DiskReserve("/no/such/folder", 512).problem()).toBeNull();
});

test("a content is refused if it would use the reserve, by a look at the disk each time", async () => {
  let freeMb = 600;
  const reserve = new DiskReserve(
    "/state",
    512,
    diskOf(() => freeMb),
  );
  await reserve.requireRoom(88 * 1024 * 1024);
  await expect(reserve.requireRoom(88 * 1024 * 1024 + 1)).rejects.toMatchObject({
    code: "LIMIT_REACHED",
    message: expect.stringMatching(
      /^gleanerd's disk has only 600 MB free, and 512 MB are reserved/,
    ),
  });
  freeMb = 512;
  await expect(reserve.requireRoom(1)).rejects.toThrow(/only 512 MB free/);
});
