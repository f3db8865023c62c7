// Whatever is packed comes out the same, from whatever chunks it arrives in; and whatever is done
// to a bundle's bytes, it is refused or was no change.

import { existsSync, lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { packBundle, type SourceEntry } from "../../src/bundle/pack.js";
import { scanUnpacked } from "../../src/bundle/scan.js";
import { removeUnpacked, unpackBundle, versionOfUnpacked } from "../../src/bundle/unpack.js";
import {
  inChunks,
  manifest,
  packed,
  type Tree,
  whole,
  writeTree,
} from "../support/bundle/bundles.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-bundles-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const fresh = () => join(folder, String(++count));

const part = fc.oneof(
  fc.constantFrom("a", "b", "a.b", "ü", "n".repeat(101), "with space"),
  fc.stringMatching(/^[a-zA-Z0-9 _+=@~-]{1,8}$/),
);
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
const content = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.integer({ min: 500, max: 1_100 }).map((length) => "x".repeat(length)),
  fc.string({ maxLength: 10 }).map((program) => ({ program })),
  path.map((link) => ({ link })),
);

/** No name lies below another one. */
const tree: fc.Arbitrary<Tree> = fc
  .uniqueArray(fc.tuple(path, content), { selector: ([name]) => name, minLength: 1, maxLength: 8 })
  .map((entries) =>
    Object.fromEntries(
      entries.filter(
        ([name]) => !entries.some(([other]) => other !== name && name.startsWith(`${other}/`)),
      ),
    ),
  );

describe("a bundle", () => {
  test("unpacks to what was packed, and is that version again", async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 1, max: 2_000 }), async (files, size) => {
        const { bytes, version } = await packed(writeTree(fresh(), files));
        const out = fresh();
        await unpackBundle(inChunks(bytes, size), out, version);
        for (const [name, what] of Object.entries(files)) {
          const at = join(out, name);
          if (typeof what === "string") expect(readFileSync(at, "utf8")).toBe(what);
          else if ("link" in what) expect(readlinkSync(at)).toBe(what.link);
          else expect(lstatSync(at).mode & 0o777).toBe(0o555);
        }
        expect((await scanUnpacked(out)).length).toBe(Object.keys(files).length);
        expect(await versionOfUnpacked(out)).toBe(version);
        await removeUnpacked(out);
      }),
      { numRuns: 60 },
    );
  });

  test("is the same in whatever order its files are found", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(path, { maxLength: 10 }), async (names) => {
        const entries = names.map((name): SourceEntry => ({ kind: "link", name, target: "x" }));
        const one = await whole(packBundle(manifest, entries));
        expect(await whole(packBundle(manifest, entries.toReversed()))).toEqual(one);
      }),
    );
  });

  test("with any bytes changed is refused, and leaves nothing", async () => {
    const files = {
      "a/b": "text",
      c: { link: "a/b" },
      d: { program: "#!" },
      ["l".repeat(120)]: "",
    };
    const { bytes, version } = await packed(writeTree(fresh(), files));
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: bytes.length - 1 }),
        fc.uint8Array({ minLength: 1, maxLength: 20 }),
        async (at, change) => {
          const changed = Buffer.from(bytes);
          changed.set(change.subarray(0, bytes.length - at), at);
          const out = fresh();
          const unpacked = unpackBundle(inChunks(changed, 700), out, version);
          if (changed.equals(bytes)) await unpacked;
          else await expect(unpacked).rejects.toThrow();
          expect(existsSync(out)).toBe(changed.equals(bytes));
        },
      ),
      { numRuns: 200 },
    );
  });
});
