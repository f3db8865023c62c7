// The house rules: who may import whom, one source of time, lengths, and what no file may hold.

import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { checkCodeWords, checkCommentColumns } from "./support/tidy/comments.js";
import { checkCode, checkMode, checkOpening, checkText } from "./support/tidy/habits.js";
import { allowedImports, checkImports } from "./support/tidy/imports.js";
import { findExcesses, maxFunctionLines, ratchet } from "./support/tidy/lengths.js";
import { checkColumns, checkLinks, checkWords, isPage } from "./support/tidy/pages.js";
import { checkPaths } from "./support/tidy/paths.js";
import { allowedRooms, checkRooms, findCircles, findCrowds } from "./support/tidy/rooms.js";
import { isIn, isTypeScript, readTree, type Source } from "./support/tidy/source.js";

/**
 * Everything longer than its limit, with its lines. Only remove or lower entries: see the ratchet's
 * tests.
 */
const exceptions: Readonly<Record<string, number>> = {};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tree = readTree(root);
const code = tree.filter(isIn("src")).filter(isTypeScript);
const pages = tree.filter(isPage);
const programs = tree.filter(({ path }) =>
  /^(src|scripts|slurm-plugin|test|\.ci)\/.*?([^/]*\.(ts|mjs|c|h|sh|sql)|\/[^./]+)$/.test(
    `${path}`,
  ),
);

describe("the tree", () => {
  test("is found by its root", () => {
    expect(code.length).toBeGreaterThan(20);
    expect(tree.map(({ path }) => path)).toContain("test/tidy.test.ts");
  });

  test("has a line for every part of src/ in the table of imports", () => {
    const parts = readdirSync(`${root}/src`).map((name) => name.replace(/\.ts$/, ""));
    expect(parts.filter((part) => !Object.hasOwn(allowedImports, part))).toEqual([]);
  });

  test("imports only what the table allows", () => {
    expect(code.flatMap(checkImports)).toEqual([]);
  });

  test("imports between rooms only what their table allows", () => {
    expect(code.flatMap(checkRooms)).toEqual([]);
  });

  test("has no room in the table that does not exist", () => {
    const there = (part: string, room: string) => code.some(isIn(`src/${part}/${room}`));
    const named = Object.entries(allowedRooms).flatMap(([part, rooms]) =>
      Object.keys(rooms).map((room) => [part, room] as const),
    );
    expect(named.filter(([part, room]) => !there(part, room))).toEqual([]);
  });

  test("has no cyclic imports of files or rooms", () => {
    expect(findCircles(code)).toEqual([]);
  });

  test("has at most 15 files in a folder", () => {
    expect(findCrowds(tree)).toEqual([]);
  });

  test("reads the clock in one place, has no loose types and prints only where allowed", () => {
    expect(code.flatMap(checkCode)).toEqual([]);
  });

  test("holds no function and no file that is too long", () => {
    expect(ratchet(programs.flatMap(findExcesses), exceptions)).toEqual([]);
  });

  test("names no machine's folder, has no leftover markers and silences no checker", () => {
    expect(tree.flatMap(checkText)).toEqual([]);
  });

  test("opens every source with a sentence that says what it is", () => {
    expect(programs.flatMap(checkOpening)).toEqual([]);
  });

  test("has executable bits on programs and on nothing else", () => {
    expect(tree.flatMap(checkMode)).toEqual([]);
  });

  test("wraps its comments", () => {
    // Released migrations stay as they are.
    const changeable = programs.filter(({ path }) => !path.endsWith(".sql"));
    expect(changeable.flatMap(checkCommentColumns)).toEqual([]);
  });

  test("has none of the banned phrases in its programs", () => {
    expect(
      programs.filter(({ path }) => !/^test\/|\.sql$/.test(path)).flatMap(checkCodeWords),
    ).toEqual([]);
  });

  test("wraps the prose of its pages", () => {
    expect(pages.flatMap(checkColumns)).toEqual([]);
  });

  test("links only to files and headings that exist", () => {
    expect(pages.flatMap((page) => checkLinks(page, tree))).toEqual([]);
  });

  test("names only files that exist in its pages and comments", () => {
    const paths = tree.map(({ path }) => path);
    expect([...pages, ...programs].flatMap((source) => checkPaths(source, paths))).toEqual([]);
  });

  test("has none of the banned phrases in its pages", () => {
    expect(pages.flatMap(checkWords)).toEqual([]);
  });
});

const made = (path: string, text: string, executable = false): Source => ({
  path,
  text,
  executable,
});

describe("the rule of imports", () => {
  test.each([
    ["src/core/a.ts", 'import { x } from "../store/b.js";'],
    ["src/core/a.ts", 'import type { X } from "../store/b.js";'],
    ["src/core/a.ts", 'export * from "../store/b.js";'],
    ["src/core/a.ts", 'type X = import("../store/b.js").X;'],
    ["src/core/a.ts", 'const x = await import("../store/b.js");'],
    ["src/core/a.ts", 'const x = require("../store/b.js");'],
    ["src/core/a.ts", 'import { readFileSync } from "node:fs";'],
    ["src/core/a.ts", 'import { nowMs } from "../clock.js";'],
    ["src/model/a.ts", 'import { pino } from "pino";'],
    ["src/slurm/a.ts", 'import { x } from "../launch/b.js";'],
    ["src/daemon/api/a.ts", 'import { x } from "../../cli/b.js";'],
    ["src/cli/a.ts", 'import { x } from "../daemon/b.js";'],
    ["src/cli/a.ts", 'import { x } from "../../scripts/b.js";'],
    ["src/cli/a.ts", "const x = await import(name);"],
    ["src/other/a.ts", ""],
  ])("%s refuses %s", (path, text) => {
    expect(checkImports(made(path, `// A line before.\n${text}`))).toHaveLength(1);
  });

  test.each([
    ["src/core/a.ts", 'import { x } from "../model/b.js";'],
    ["src/core/a.ts", 'import { x } from "./b.js";'],
    ["src/core/a.ts", 'const text = "import x from \\"../store/b.js\\"";'],
    ["src/daemon/api/a.ts", 'import { x } from "../../slurm/b.js"; import "node:fs";'],
    ["src/launch/a.ts", 'import { nowMs } from "../clock.js";'],
  ])("%s allows %s", (path, text) => {
    expect(checkImports(made(path, text))).toEqual([]);
  });

  test("reports the place and the remedy", () => {
    const source = made("src/core/a.ts", '\n\nimport "../store/b.js";');
    expect(checkImports(source)[0]).toBe(
      "src/core/a.ts:3: core imports store, but may import only model: pass the thing in, or move it",
    );
  });
});

describe("the rules of rooms", () => {
  test.each([
    ["src/core/forecast/a.ts", 'import { x } from "../placement/b.js";'],
    ["src/core/forecast/a.ts", 'import type { X } from "../placement/b.js";'],
    ["src/executor/attempts/a.ts", 'import { x } from "../executor.js";'],
    ["src/core/nowhere/a.ts", ""],
  ])("%s refuses %s", (path, text) => {
    expect(checkRooms(made(path, text))).toHaveLength(1);
  });

  test.each([
    ["src/core/placement/a.ts", 'import { x } from "../forecast/b.js"; import "./c.js";'],
    ["src/core/placement/a.ts", 'import { x } from "../../model/invocation.js";'],
    ["src/daemon/api/a.ts", 'import { x } from "./server/b.js"; import "../state/c.js";'],
    ["src/daemon/daemon.ts", 'import { x } from "./api/b.js";'],
    ["src/slurm/a.ts", 'import { x } from "./b.js";'],
  ])("%s allows %s", (path, text) => {
    expect(checkRooms(made(path, text))).toEqual([]);
  });

  test("finds a cycle of files in one room, also through types", () => {
    const a = made("src/core/forecast/a.ts", 'import type { B } from "./b.js";');
    const b = made("src/core/forecast/b.ts", 'import { a } from "./a.js";');
    expect(findCircles([a, b])).toEqual([
      "src/core/forecast/a.ts: imports itself by way of src/core/forecast/b.ts, src/core/forecast/a.ts: move what both need into a file of its own",
    ]);
    expect(findCircles([a])).toEqual([]);
  });

  test("finds a cycle of rooms whose files form none", () => {
    const sources = [
      made("src/daemon/state/a.ts", 'import "../auth/b.js";'),
      made("src/daemon/auth/b.ts", ""),
      made("src/daemon/auth/c.ts", 'import "../state/d.js";'),
      made("src/daemon/state/d.ts", ""),
    ];
    expect(findCircles(sources)).toHaveLength(1);
    expect(findCircles(sources.slice(0, 3))).toHaveLength(1);
    expect(findCircles(sources.slice(0, 2))).toEqual([]);
  });

  test("allows a file beside rooms to connect them", () => {
    const sources = [
      made("src/executor/pilot/a.ts", 'import "../executor.js";'),
      made("src/executor/executor.ts", 'import "./hook/b.js";'),
      made("src/executor/main.ts", 'import "./pilot/a.js";'),
      made("src/executor/hook/b.ts", 'import "../log.js";'),
      made("src/executor/log.ts", ""),
    ];
    expect(findCircles(sources)).toEqual([]);
  });

  test("refuses a sixteenth file", () => {
    const files = (count: number) =>
      Array.from({ length: count }, (_, index) => made(`src/core/ports/f${index}.ts`, ""));
    expect(findCrowds(files(15))).toEqual([]);
    expect(findCrowds(files(16))).toHaveLength(1);
  });
});

describe("the rules of code", () => {
  test.each([
    "Date.now()",
    "new Date()",
    "Date()",
    "performance.now()",
    "globalThis.performance.now()",
    "process.hrtime.bigint()",
    "process.uptime()",
    "let x: any",
    "f(x as any)",
    "console.log(1)",
    "class A { #x = 1 }",
  ])("%s is found", (text) => {
    expect(checkCode(made("src/store/a.ts", text))).toHaveLength(1);
  });

  test.each(["new Date(1)", "// Date.now()", '"console.log"', "let any = 1", "clock.now()"])(
    "%s is fine",
    (text) => {
      expect(checkCode(made("src/store/a.ts", text))).toEqual([]);
    },
  );

  test("lets the clock module read the clock and the command line print", () => {
    expect(checkCode(made("src/clock.ts", "performance.now()"))).toEqual([]);
    expect(checkCode(made("src/cli/a.ts", "console.log(1)"))).toEqual([]);
  });
});

describe("the rule of lengths", () => {
  const body = (lines: number) => "  f();\n".repeat(lines - 2);

  test.each([
    ["src/core/a.ts", (lines: number) => `function longOne() {\n${body(lines)}}\n`],
    ["src/core/a.ts", (lines: number) => `const longOne = () => {\n${body(lines)}};\n`],
    ["src/core/a.ts", (lines: number) => `class A { longOne() {\n${body(lines)}} }\n`],
    ["slurm-plugin/a.c", (lines: number) => `static int longOne(void) {\n${body(lines)}}\n`],
  ])("measures a function in %s", (path, text) => {
    expect(findExcesses(made(path, text(maxFunctionLines)))).toEqual([]);
    const [excess] = findExcesses(made(path, text(maxFunctionLines + 1)));
    expect(excess).toMatchObject({ what: `${path} longOne`, lines: maxFunctionLines + 1 });
    expect(excess?.complaint).toContain(`${path}:1: longOne has 61 lines`);
  });

  test("does not count a group of tests as a function", () => {
    const text = `describe("x", () => {\n${body(100)}});\n`;
    expect(findExcesses(made("test/a.test.ts", text))).toEqual([]);
  });

  test.each([
    ["src/core/a.ts", 300],
    ["scripts/x", 300],
    ["slurm-plugin/a.c", 400],
    ["test/unit/a.test.ts", 450],
  ])("allows %s at most %d lines", (path, limit) => {
    expect(findExcesses(made(path, "\n".repeat(limit)))).toEqual([]);
    expect(findExcesses(made(path, "\n".repeat(limit + 1)))).toHaveLength(1);
  });

  test("keeps an exception as it is, refuses its growth, and demands its removal when unneeded", () => {
    const excesses = findExcesses(made("src/core/a.ts", "\n".repeat(310)));
    expect(ratchet(excesses, { "src/core/a.ts": 310 })).toEqual([]);
    expect(ratchet(excesses, { "src/core/a.ts": 305 })).toHaveLength(1);
    expect(ratchet(excesses, { "src/core/a.ts": 320 })[0]).toContain("lower its exception");
    expect(ratchet([], { "src/core/a.ts": 310 })[0]).toContain("remove the exception");
    expect(ratchet(excesses, {})).toHaveLength(1);
  });
});

describe("the rules of files", () => {
  test.each([
    `const folder = "/${"work"}/x";`,
    `// ${"TO"}DO: later`,
    `// ${"FIX"}ME`,
    `// @ts-${"ignore"}`,
  ])("%s is found", (text) => {
    expect(checkText(made("docs/a.md", `first\n${text}`))[0]).toMatch(/^docs\/a\.md:2: /);
  });

  test.each(["src/a/work/b", "the method todo()", "a @ts-morph project"])("%s is fine", (text) => {
    expect(checkText(made("docs/a.md", text))).toEqual([]);
  });

  test.each(["", "const x = 1;\n", "//\n", 'import "x";\n// Too late is this sentence.\n'])(
    "%j does not say what it is",
    (text) => {
      expect(checkOpening(made("src/a.ts", text))).toHaveLength(1);
    },
  );

  test.each([
    "// Says what it is.\n",
    "/* Says what\n * it is. */\n",
    "#!/bin/sh\n# Says what it is.\n",
    "-- Says what it is.\n",
  ])("accepts %j", (text) => {
    expect(checkOpening(made("scripts/a", text))).toEqual([]);
  });

  test("requires exactly the programs to be executable", () => {
    expect(checkMode(made("scripts/a", "#!/bin/sh\n"))).toHaveLength(1);
    expect(checkMode(made("scripts/a", "#!/bin/sh\n", true))).toEqual([]);
    expect(checkMode(made("scripts/a", "echo\n"))).toHaveLength(1);
    expect(checkMode(made("docs/a.md", "text", true))).toHaveLength(1);
  });
});
