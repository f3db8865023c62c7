// What glean-spawn says of a user's admission to code, and what counts as none.

import { expect, test } from "@jest/globals";
import { AdmissionReport } from "../../../../src/executor/runtimes/admission-report.js";

test.each([
  ["it is done", ["gone 0 0"], 0],
  ["no access control list is possible", ["gone 3 0"], 3],
  ["the server could not begin it", ["gone 1 0"], 1],
  ["it was killed, as its disk hung", ["gone 0 14"], null],
  ["another line is no end", ["failed start 11 busy", "gone 1 0"], 1],
])("%s", (_what, lines, expected) => {
  const statuses: (number | null)[] = [];
  const report = new AdmissionReport((status) => void statuses.push(status));
  expect(lines.map((line) => report.take(line))).toEqual(
    lines.map((_, at) => at === lines.length - 1),
  );
  expect(statuses).toEqual([expected]);
});

test("without its server there is none", () => {
  const statuses: (number | null)[] = [];
  new AdmissionReport((status) => void statuses.push(status)).vanish();
  new AdmissionReport((status) => void statuses.push(status)).fail();
  expect(statuses).toEqual([null, null]);
});
