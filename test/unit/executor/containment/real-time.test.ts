// Groups get the real-time that lets processes enter them, where the kernel has that.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { removeGroups } from "../../../../src/executor/containment/cgroup-files.js";
import { giveRealTime } from "../../../../src/executor/containment/trees/real-time.js";

const file = "cpu.rt_runtime_us";
const mount = "/sys/fs/cgroup/cpu";
const isHere = existsSync(join(mount, file)) && process.getuid?.() === 0;

const timeOf = (group: string) => Number(readFileSync(join(group, file), "latin1"));

(isHere ? describe : describe.skip)("in the kernel", () => {
  let top: string;
  beforeEach(() => {
    top = mkdtempSync(join(mount, "gleaner-test-"));
  });
  afterEach(() => removeGroups(top));

  function slotOf(node: string, slot: string): string {
    const directory = join(top, node, "work", slot);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  test("eight executors of one machine have it for each of 20 attempts", () => {
    for (let slot = 1; slot <= 20; slot++)
      for (let node = 1; node <= 8; node++) {
        const group = slotOf(`n${node}`, `slot-${slot}`);
        giveRealTime(group);
        expect(timeOf(group)).toBe(500);
      }
    expect(timeOf(join(top, "n1"))).toBe(10_000);
    expect(timeOf(top)).toBe(80_000);
  });

  test("no group loses what a site gave it", () => {
    const group = slotOf("n1", "slot-1");
    writeFileSync(join(top, file), "30000");
    writeFileSync(join(top, "n1", file), "20000");
    giveRealTime(group);
    expect([top, join(top, "n1"), group].map(timeOf)).toEqual([30_000, 20_000, 500]);
  });

  test("all of them leave the rest to others, and the last ones go without it", () => {
    const groups = Array.from({ length: 21 }, (_, node) => slotOf(`n${node}`, "slot-1"));
    writeFileSync(join(top, file), "400000");
    for (const group of groups.slice(0, 20)) writeFileSync(join(group, "..", "..", file), "20000");
    giveRealTime(groups[20]!);
    expect(timeOf(groups[20]!)).toBe(0);
    expect(timeOf(top)).toBe(400_000);
  });
});

test("a kernel without it is not asked", () => {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-cgroup-"));
  giveRealTime(folder);
  expect(existsSync(join(folder, file))).toBe(false);
  rmSync(folder, { recursive: true });
});
