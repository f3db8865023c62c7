// The columns of a terminal that text takes, and tables that count them.

import { describe, expect, test } from "@jest/globals";
import { table } from "../../../src/cli/output.js";
import { cutTo, fill, widthOf } from "../../../src/cli/width.js";

describe("text", () => {
  test.each([
    ["plain", 5],
    ["日本語", 6],
    ["한글", 4],
    ["e\u0301", 1],
    ["🚀", 2],
    ["ｆｕ", 4],
    ["é", 1],
  ])("%j takes %i columns", (text, columns) => expect(widthOf(text)).toBe(columns));
  test("is cut within its columns, and no character in half", () => {
    expect(cutTo("日本語", 5)).toBe("日本");
    expect(cutTo("abcdef", 3)).toBe("abc");
    expect(cutTo("e\u0301e\u0301", 1)).toBe("e\u0301");
  });
  test("is filled up on either side", () => {
    expect(fill("日", 4, false)).toBe("日  ");
    expect(fill("日", 4, true)).toBe("  日");
  });
});

test("a table aligns wide names and cuts long ones", () => {
  const columns = [
    { title: "NAME", text: (name: string) => name, most: 8 },
    { title: "N", text: () => "1", right: true },
  ];
  expect(table(["日本", "a-very-long-name"], columns, true)).toBe(
    "NAME      N\n日本      1\na-very-l  1\n",
  );
});

test("what is alarming is red on a terminal, unless NO_COLOR says no, and never elsewhere", () => {
  const columns = [
    { title: "ST", text: (state: string) => state, isAlarming: (state: string) => state === "F" },
    { title: "N", text: () => "1" },
  ];
  const lines = () => table(["F", "CD"], columns, true);
  const { isTTY } = process.stdout;
  const { NO_COLOR } = process.env;
  try {
    process.stdout.isTTY = true;
    delete process.env.NO_COLOR;
    expect(lines()).toBe("ST  N\n\u001b[31mF \u001b[39m  1\nCD  1\n");
    process.env.NO_COLOR = "1";
    expect(lines()).toBe("ST  N\nF   1\nCD  1\n");
    delete process.env.NO_COLOR;
    process.stdout.isTTY = false;
    expect(lines()).toBe("ST  N\nF   1\nCD  1\n");
  } finally {
    process.stdout.isTTY = isTTY;
    if (NO_COLOR !== undefined) process.env.NO_COLOR = NO_COLOR;
  }
});
