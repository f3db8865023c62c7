// Groups get the real-time that lets processes enter them, where the kernel has that.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { giveRealTime } from "../../../../src/executor/containment/cgroup-trees.js";

const slot = "work/slot-1";
let top: string;
let nodeGroup: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "gleaner-cgroup-"));
  nodeGroup = join(top, "node");
  mkdirSync(join(nodeGroup, slot), { recursive: true });
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

const fileIn = (group: string) => join(nodeGroup, group, "cpu.rt_runtime_us");
const timeOf = (group: string) => readFileSync(fileIn(group), "latin1");

test("a group gets some if it has none", () => {
  writeFileSync(fileIn(slot), "0");
  giveRealTime(nodeGroup, slot);
  expect(timeOf(slot)).toBe("500");
});

test("the groups above get the sum if it is refused, which hurts nobody", () => {
  mkdirSync(fileIn(slot));
  giveRealTime(nodeGroup, slot);
  expect(["..", "", "work"].map(timeOf)).toEqual(["400000", "100000", "100000"]);
});

test("a kernel without it is not asked", () => {
  giveRealTime(nodeGroup, slot);
  expect(() => timeOf(slot)).toThrow("ENOENT");
});
