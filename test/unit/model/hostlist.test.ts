// Host lists: what Slurm writes expands to its nodes, and nothing else does.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { GleanerError } from "../../../src/model/errors.js";
import { expandHostList, foldHostList } from "../../../src/model/hostlist.js";

describe("expandHostList", () => {
  test.each([
    ["n1", ["n1"]],
    ["n[1-3,7],gpu[01-03]", ["n1", "n2", "n3", "n7", "gpu01", "gpu02", "gpu03"]],
    ["r[0-1]n[0-2]", ["r0n0", "r0n1", "r0n2", "r1n0", "r1n1", "r1n2"]],
    ["n[08-11]", ["n08", "n09", "n10", "n11"]],
    ["n[1-2]-ib,login", ["n1-ib", "n2-ib", "login"]],
    ["", []],
    ["(null)", []],
    ["None", []],
  ])("%s", (text, names) => {
    expect(expandHostList(text)).toEqual(names);
  });

  test.each([
    "n[",
    "n]",
    "n[1-",
    "n[1-2",
    "n[2-1]",
    "n[a-b]",
    "n[[1]]",
    "n[1],,m",
    "n[]",
    "n[1-2-3]",
  ])("refuses %s", (text) => {
    expect(() => expandHostList(text)).toThrow(GleanerError);
  });

  test.each(["n[0-999999999]", "a[0-999]b[0-999]c[0-999]", "n[0-40000],m[0-40000]"])(
    "%s is refused before it fills memory",
    (text) => {
      expect(() => expandHostList(text)).toThrow("too many hosts");
    },
  );

  test("expands as many hosts as allowed, and no more", () => {
    expect(expandHostList("n[1-3]", 3)).toHaveLength(3);
    expect(() => expandHostList("n[1-3]", 2)).toThrow("too many hosts");
    expect(() => expandHostList("a,b,c", 2)).toThrow("too many hosts");
  });

  const group = fc.record({
    prefix: fc.stringMatching(/^[a-z]([a-z0-9-]{0,4}[a-z-])?$/),
    width: fc.integer({ min: 1, max: 5 }),
    ids: fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 40 }),
  });

  test("expands lists that Slurm folded", () => {
    fc.assert(
      fc.property(fc.array(group, { minLength: 1, maxLength: 4 }), (groups) => {
        const names = groups.flatMap(({ prefix, width, ids }) =>
          sorted(ids).map((id) => prefix + String(id).padStart(width, "0")),
        );
        const folded = groups.map(({ prefix, width, ids }) => `${prefix}[${foldIds(ids, width)}]`);
        expect(expandHostList(folded.join(","))).toEqual(names);
      }),
    );
  });

  test("any text expands to names or throws a GleanerError", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[n0-3[\],-]{0,20}$/));
    fc.assert(
      fc.property(text, (hosts) => {
        try {
          for (const name of expandHostList(hosts)) expect(typeof name).toBe("string");
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(GleanerError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

const sorted = (ids: readonly number[]): number[] => [...ids].sort((left, right) => left - right);

/** `1-3,7`: runs of consecutive ids, as Slurm writes them. */
function foldIds(ids: readonly number[], width: number): string {
  const runs: { first: number; last: number }[] = [];
  for (const id of sorted(ids)) {
    const run = runs.at(-1);
    if (run?.last === id - 1) run.last = id;
    else runs.push({ first: id, last: id });
  }
  const padded = (id: number) => String(id).padStart(width, "0");
  return runs
    .map(({ first, last }) => (first === last ? padded(first) : `${padded(first)}-${padded(last)}`))
    .join(",");
}

describe("foldHostList", () => {
  test("writes names as Slurm does", () => {
    expect(foldHostList(["n1", "n2", "n3", "n7", "login", "gpu01", "gpu02"])).toBe(
      "n[1-3,7],login,gpu[01-02]",
    );
    expect(foldHostList(["n9", "n10", "n08"])).toBe("n[9-10],n08");
  });
  test("loses no name", () => {
    const name = fc.stringMatching(/^[a-c]{1,2}(0[0-9]|[1-9][0-9]?)?$/);
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1 }), (names) =>
        expect(expandHostList(foldHostList(names)).toSorted()).toEqual(names.toSorted()),
      ),
    );
  });
});
