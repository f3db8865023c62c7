// Settings of functions: the manifest's text, what its shape accepts, and sharing.

import { describe, expect, test } from "@jest/globals";
import {
  groupOf,
  isSharing,
  manifestText,
  unsetSettings,
} from "../../../../src/model/functions/settings.js";
import { manifest } from "../../../../src/model/shapes/function.js";

const settings = { ...unsetSettings, runtime: "python" } as const;

describe("the manifest's text", () => {
  test("has the settings, and reads back as they were", () => {
    const full = { ...settings, environment: { B: "2", A: 'a"\n' }, python: "/opt/py/bin/python" };
    expect(manifest.parse(JSON.parse(manifestText(full)))).toEqual({ format: 1, settings: full });
  });

  test("is the same for equal settings, in whatever order they were given", () => {
    const one = { ...settings, environment: { B: "2", A: "1" } };
    const reversed = Object.fromEntries(Object.entries(one).reverse()) as typeof one;
    const other = { ...reversed, environment: { A: "1", B: "2" } };
    expect(manifestText(other)).toBe(manifestText(one));
    expect(manifestText(one)).toMatch(
      /^{"format":1,"settings":{"concurrency":1,.*"timeLimitMs":null}}$/,
    );
  });

  test.each([
    { cores: 0 },
    { cores: 1.5 },
    { memoryMb: 0 },
    { gpus: 65 },
    { timeLimitMs: -1 },
    { concurrency: 0 },
    { handler: "" },
    { python: "python3" },
    { image: "x.sqfs" },
    { environment: { A: 1 } },
    { runtime: "ruby" },
    { other: 1 },
  ])("the shape refuses %j", (wrong) => {
    const text = { format: 1, settings: { ...settings, ...wrong } };
    expect(manifest.safeParse(text).success).toBe(false);
  });
});

describe("sharing", () => {
  test.each(["none", "all", "group:hep", "group:domain_users@EXAMPLE"])("%s is valid", (text) => {
    expect(isSharing(text)).toBe(true);
  });

  test.each(["", "group:", "group:-x", "group:a b", "group:a,b", "hep", "ALL"])(
    "%j is not",
    (text) => {
      expect(isSharing(text)).toBe(false);
    },
  );

  test("names a group, if any", () => {
    expect(groupOf("group:hep")).toBe("hep");
    expect(groupOf("all")).toBeNull();
  });
});
