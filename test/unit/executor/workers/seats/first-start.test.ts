// What a worker's second start prints again, and what it adds to the first.

import { expect, test } from "@jest/globals";
import { FirstStart } from "../../../../../src/executor/workers/seats/first-start.js";

function secondOf(first: string, ...second: string[]): string {
  const start = new FirstStart();
  start.note(Buffer.from(first), "output");
  start.failed();
  return second.map((piece) => start.newOf(Buffer.from(piece), "output").toString()).join("|");
}

test.each([
  ["the same", "a\nb\n", ["a\nb\n"], ""],
  ["the same in pieces", "a\nbc\n", ["a", "\nb", "c\n"], "||"],
  ["more", "a\n", ["a\nb\n", "c\n"], "b\n|c\n"],
  ["less", "a\nb\n", ["a\n"], ""],
  [
    "another line in the middle, which is whole",
    "a\npid 17\nb\n",
    ["a\npid 18\nb\n"],
    "pid 18\nb\n",
  ],
  ["another line in pieces", "pid 17\n", ["pid ", "18\n"], "|pid 18\n"],
  ["something else", "a\n", ["b\n"], "b\n"],
  ["anything after a first start that printed nothing", "", ["a\n"], "a\n"],
])("%s", (_what, first, second, shown) => {
  expect(secondOf(first, ...second)).toBe(shown);
});

test("nothing is left out of a start that is not the second, nor of calls, nor of another source", () => {
  const start = new FirstStart();
  const said = (source: "output" | "report" = "output") =>
    start.newOf(Buffer.from("a\n"), source).toString();
  start.note(Buffer.from("a\n"), "output");
  expect(said()).toBe("a\n");
  start.failed();
  expect([said("report"), said()]).toEqual(["a\n", ""]);
  const other = new FirstStart();
  other.note(Buffer.from("a\n"), "output");
  other.failed();
  other.end();
  expect(other.newOf(Buffer.from("a\n"), "output").toString()).toBe("a\n");
});
