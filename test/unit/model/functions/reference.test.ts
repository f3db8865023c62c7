// References to functions: what users may write, what is refused, and in which words.

import { describe, expect, test } from "@jest/globals";
import {
  isAlias,
  parseFunctionRef,
  parseVersionId,
  showFunctionRef,
  shownVersion,
} from "../../../../src/model/functions/reference.js";
import { versionId } from "../../../../src/model/ids.js";

const hash = "3f2a9c01".repeat(8);
const alias = (name: string) => ({ kind: "alias", alias: name });

describe("a reference to a function", () => {
  test.each([
    ["tile", { owner: null, name: "tile", selector: alias("latest") }],
    ["tile@prod", { owner: null, name: "tile", selector: alias("prod") }],
    ["ada/tile", { owner: "ada", name: "tile", selector: alias("latest") }],
    ["1042/tile", { owner: "1042", name: "tile", selector: alias("latest") }],
    [
      "ada@EXAMPLE.ORG/tile@v1.2",
      { owner: "ada@EXAMPLE.ORG", name: "tile", selector: alias("v1.2") },
    ],
    [
      "tile@3f2a9c01",
      { owner: null, name: "tile", selector: { kind: "version", prefix: "3f2a9c01" } },
    ],
    [`tile@${hash}`, { owner: null, name: "tile", selector: { kind: "version", prefix: hash } }],
    ["tile@3f2a9c0", { owner: null, name: "tile", selector: alias("3f2a9c0") }],
    ["_t.x-1", { owner: null, name: "_t.x-1", selector: alias("latest") }],
  ])("%s is read", (text, expected) => {
    expect(parseFunctionRef(text)).toEqual(expected);
  });

  test.each(["tile", "tile@prod", "ada/tile", "ada@EXAMPLE.ORG/tile@v1.2", `tile@${hash}`])(
    "%s is shown as it is written",
    (text) => {
      expect(showFunctionRef(parseFunctionRef(text))).toBe(text);
    },
  );

  test.each([
    ["", /"" is not a function's name/],
    ["/tile", /"" is not a user's name or uid/],
    ["ada/", /"" is not a function's name/],
    ["a/b/c", /"b\/c" is not a function's name/],
    ["-tile", /"-tile" is not a function's name/],
    ["..", /"\.\." is not a function's name/],
    ["ti le", /"ti le" is not a function's name/],
    ["tile@", /"" is neither an alias/],
    ["tile@a@b", /"a@b" is neither an alias/],
    [`tile@${"f".repeat(65)}`, /is neither an alias/],
    ["x".repeat(65), /is not a function's name/],
    ["ti\u001ble", /"ti\?le" is not a function's name/],
  ])("%j is refused with its reason", (text, reason) => {
    expect(() => parseFunctionRef(text)).toThrow(reason);
    expect(() => parseFunctionRef(text)).toThrow(/expected NAME, NAME@ALIAS/);
  });

  test("an alias never looks like the beginning of a version", () => {
    expect(isAlias("3f2a9c01")).toBe(false);
    expect(isAlias("3f2a9c0g")).toBe(true);
    expect(isAlias("")).toBe(false);
  });

  test("a shown version selects that version", () => {
    const { selector } = parseFunctionRef(`tile@${shownVersion(versionId(hash))}`);
    expect(selector).toEqual({ kind: "version", prefix: "3f2a9c013f2a" });
    expect(parseVersionId(hash)).toBe(hash);
    expect(parseVersionId("3f2a9c01")).toBeNull();
  });
});
