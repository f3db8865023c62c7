// docs/architecture.md against the source: it has every room of src/, and every event of the daemon
// with who publishes and who hears it.

import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "@jest/globals";

const page = readFileSync("docs/architecture.md", "utf8");

const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );

/** The map's lines of a part, from its name to the next part's. */
const mapOf = (part: string): string =>
  new RegExp(`\\n {2}${part}/ [^]*?(?=\\n {2}\\S|\\n\\S)`).exec(page)?.[0] ?? "";

test.each(foldersIn("src").filter((part) => part !== "config"))("the map has %s/", (part) => {
  // Their files are named, and `test/` has tests beside what is not TypeScript.
  const told = part === "cli" ? mapOf(part).replaceAll("commands/work", "commands/") : mapOf(part);
  expect(
    foldersIn(`src/${part}`).filter((room) => room !== "test" && !told.includes(`${room}/`)),
  ).toEqual([]);
  expect(told).not.toBe("");
});

const sources = readdirSync("src/daemon", { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({
    name: basename(path, ".ts"),
    text: readFileSync(`src/daemon/${path}`, "utf8"),
  }));

const namesOf = (isOne: (text: string) => boolean): string[] =>
  [...new Set(sources.filter(({ text }) => isOne(text)).map(({ name }) => name))].sort();

const publishersOf = (event: string): string[] =>
  namesOf((text) => new RegExp(`publish\\(\\{\\s*type: "${event}"`).test(text));

const hearersOf = (event: string): string[] =>
  namesOf((text) =>
    [...text.matchAll(/subscribe\(\s*\[([^\]]*)\]/g)].some(([, types = ""]) =>
      types.includes(`"${event}"`),
    ),
  );

const union = sources.find(({ name }) => name === "events")?.text ?? "";
const events = [...union.matchAll(/readonly type: "(\w+)"/g)].map(([, event = ""]) => event);

test("the daemon has events", () => {
  expect(events.length).toBeGreaterThan(15);
});

test.each(events)("the table has %s with its publishers and subscribers", (event) => {
  const row = page.split("\n").find((line) => /^\| `/.test(line) && line.includes(`\`${event}\``));
  const [, , by = "", heard = ""] = (row ?? "").split("|");
  const namesIn = (cell: string) => (cell.match(/[a-z][a-z-]*/g) ?? []).sort();
  expect([namesIn(by), namesIn(heard)]).toEqual([publishersOf(event), hearersOf(event)]);
});
