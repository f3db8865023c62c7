// Versions of functions that no worker can load: when they stop, and what is only a node's fault.

import { beforeEach, expect, test } from "@jest/globals";
import { LoadFailures } from "../../../../src/core/functions/load-failures.js";
import { nodeName, versionId } from "../../../../src/model/ids.js";

const [n1, n2] = [nodeName("n1"), nodeName("n2")];
const version = versionId("ab".repeat(32));
const called = { uid: 1_000, version };
const failure = { ...called, node: n1, message: "ImportError: No module named x" };
const [several, none] = [() => 3, () => 0];
let failures: LoadFailures;

beforeEach(() => {
  failures = new LoadFailures();
});

test("three failures in a row on two nodes stop the version, with the runtime's words", () => {
  expect(failures.failed(failure, several, 0)).toBe(false);
  expect(failures.failed({ ...failure, node: n2 }, several, 1)).toBe(false);
  expect(failures.whyStopped(called)).toBeNull();
  expect(failures.failed(failure, several, 2)).toBe(true);
  expect(failures.whyStopped(called)).toBe(
    "workers could not load it 3 times in a row, on n1 and n2 (ImportError: No module named x)",
  );
  expect(failures.failed(failure, several, 3)).toBe(false);
});

test("one node alone does not stop it while others might load it, and is avoided for a while", () => {
  for (let at = 0; at < 10; at++) expect(failures.failed(failure, several, at)).toBe(false);
  expect(failures.avoidedBy(called, 20_000)).toEqual([n1]);
  expect(failures.avoidedBy(called, 20_009)).toEqual([]);
  expect(failures.failed({ ...failure, node: n2 }, several, 11)).toBe(true);
});

test("the only node that could load it stops it, and is never avoided", () => {
  for (const at of [0, 1]) expect(failures.failed(failure, none, at)).toBe(false);
  expect(failures.avoidedBy(called, 2)).toEqual([]);
  expect(failures.failed(failure, none, 2)).toBe(true);
});

test("a worker that loads it between two failures begins the count anew", () => {
  for (const at of [0, 1]) failures.failed(failure, none, at);
  failures.loaded(called);
  for (const at of [2, 3]) expect(failures.failed(failure, none, at)).toBe(false);
  expect(failures.failed(failure, none, 4)).toBe(true);
});

test("a caller who cannot load it stops it for nobody else; a deploy lifts all stops", () => {
  const bob = { ...called, uid: 1_001 };
  for (const at of [0, 1, 2]) failures.failed({ ...failure, ...bob }, none, at);
  expect(failures.whyStopped(bob)).not.toBeNull();
  expect(failures.whyStopped(called)).toBeNull();
  failures.deployed(version);
  expect(failures.whyStopped(bob)).toBeNull();
});
