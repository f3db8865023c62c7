// The lines of several tasks on one standard output.

import { expect, test } from "@jest/globals";
import { Lines } from "../../../../src/cli/run/lines.js";

const taking = (lines: Lines) => (task: number, text: string) =>
  String(lines.take(task, "output", Buffer.from(text)));

test("one task's output is passed on as it comes", () => {
  const take = taking(new Lines({ tasks: 1, label: false, unbuffered: false }));
  expect([take(0, "no"), take(0, " end")]).toEqual(["no", " end"]);
});

test("lines of several tasks are not mixed", () => {
  const lines = new Lines({ tasks: 2, label: false, unbuffered: false });
  const take = taking(lines);
  expect([take(0, "a"), take(1, "b\nc"), take(0, "d\n")]).toEqual(["", "b\n", "ad\n"]);
  expect([String(lines.end(1, "output")), String(lines.end(0, "output"))]).toEqual(["c", ""]);
});

test("labels are as wide as the highest number, and end a line without an end", () => {
  const lines = new Lines({ tasks: 11, label: true, unbuffered: true });
  const take = taking(lines);
  expect(take(3, "x\ny\nz")).toBe(" 3: x\n 3: y\n");
  expect(take(10, "q\n")).toBe("10: q\n");
  expect(String(lines.end(3, "output"))).toBe(" 3: z\n");
});

test("a line beyond all bounds is printed in parts, with one label", () => {
  const lines = new Lines({ tasks: 2, label: true, unbuffered: false });
  const take = taking(lines);
  const long = "x".repeat(70_000);
  expect(take(0, long)).toBe(`0: ${long}`);
  expect(take(0, "end\nnext\n")).toBe("end\n0: next\n");
});
