// A cgroup is empty, or frozen, if its files say so or it is gone, but not if its state is unknown.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  isEmptyGroup,
  isFrozenGroup,
  removeGroups,
} from "../../../../src/executor/containment/cgroup-files.js";

let group: string;
beforeEach(() => {
  group = mkdtempSync(join(tmpdir(), "gleaner-cgroup-"));
});
afterEach(() => rmSync(group, { recursive: true, force: true }));

const say = (text: string) => writeFileSync(join(group, "cgroup.events"), text);

test.each([
  ["populated 0\nfrozen 0\n", true, false],
  ["populated 1\nfrozen 0\n", false, false],
  ["populated 1\nfrozen 1\n", false, true],
])("%j", (text, isEmpty, isFrozen) => {
  say(text);
  expect(isEmptyGroup(group)).toBe(isEmpty);
  expect(isFrozenGroup(group)).toBe(isFrozen);
});

test("a removed cgroup counts as empty and frozen", () => {
  rmSync(group, { recursive: true });
  expect(isEmptyGroup(group)).toBe(true);
  expect(isFrozenGroup(group)).toBe(true);
});

test("an unreadable cgroup may hold running processes", () => {
  mkdirSync(join(group, "cgroup.events")); // EISDIR stands for EMFILE and its like
  expect(isEmptyGroup(group)).toBe(false);
  expect(isFrozenGroup(group)).toBe(false);
});

test("groups are removed from the leaves up, and a missing one is no error", () => {
  mkdirSync(join(group, "work", "1.1"), { recursive: true });
  removeGroups(group);
  expect(existsSync(group)).toBe(false);
  removeGroups(group);
});
