// When something may start: each reason to wait, which counts first, and which nodes may be had.

import { describe, expect, test } from "@jest/globals";
import {
  barrierOf,
  lastStartMs,
  type Standing,
  together,
  type Verdict,
  verdictOf,
} from "../../../../src/core/scheduling/eligibility.js";
import { nodeTest } from "../../../../src/core/scheduling/where.js";
import { dependencyText } from "../../../../src/model/dependency.js";
import { nodeName } from "../../../../src/model/ids.js";
import type { Condition, Where } from "../../../../src/model/invocation.js";

const open: Standing = { isOpen: true, hasFailed: false, begunAtMs: null };
const runs: Standing = { isOpen: true, hasFailed: false, begunAtMs: 1_000 };
const done: Standing = { isOpen: false, hasFailed: false, begunAtMs: 1_000 };
const failed: Standing = { isOpen: false, hasFailed: true, begunAtMs: null };

describe("a condition", () => {
  const kinds = ["after", "afterany", "afterok", "afternotok", "aftercorr"] as const;
  test.each<[string, Standing, Verdict[]]>([
    ["of what waits", open, ["open", "open", "open", "open", "open"]],
    ["of what runs", runs, ["met", "open", "open", "open", "open"]],
    ["of what succeeded", done, ["met", "met", "met", "never", "met"]],
    ["of what failed or was cancelled", failed, ["met", "met", "never", "met", "never"]],
  ])("%s", (_, standing, verdicts) =>
    expect(kinds.map((kind) => verdictOf({ kind, of: "7" }, standing))).toEqual(verdicts),
  );
  test("may be met some time after a start", () => {
    const condition: Condition = { kind: "after", of: "7", delayMs: 60_000 };
    expect(verdictOf(condition, runs)).toEqual({ atMs: 61_000 });
    expect(together([{ atMs: 61_000 }], false, 60_999)).toEqual({ atMs: 61_000 });
    expect(together([{ atMs: 61_000 }], false, 61_000)).toBe("met");
  });
});

describe("several conditions", () => {
  test.each<[Verdict[], Verdict, Verdict]>([
    [["met", "met"], "met", "met"],
    [["met", "open"], "open", "met"],
    [["met", "never"], "never", "met"],
    [["open", "never"], "never", "open"],
    [["never", "never"], "never", "never"],
  ])("%j: all %j, any %j", (verdicts, all, any) => {
    expect(together(verdicts, false, 0)).toEqual(all);
    expect(together(verdicts, true, 0)).toEqual(any);
  });
});

describe("the reason to wait", () => {
  const at = 10_000;
  test("is the first of held, never, dependency, begin", () => {
    const later = { beginAtMs: at + 5 };
    expect(barrierOf({ held: true, ...later }, "never", at)?.reason).toBe("JobHeldUser");
    expect(barrierOf(later, "never", at)?.reason).toBe("DependencyNeverSatisfied");
    expect(barrierOf(later, "open", at)?.reason).toBe("Dependency");
    expect(barrierOf(later, "met", at)).toEqual({ reason: "BeginTime", untilMs: at + 5 });
    expect(barrierOf(later, "met", at + 5)).toBeNull();
    expect(barrierOf({}, "met", at)).toBeNull();
  });
  test("is a deadline once it could not end in time", () => {
    expect(lastStartMs({ deadlineAtMs: 9_000 }, { timeLimitMs: 4_000 })).toBe(5_000);
    expect(lastStartMs({}, { timeLimitMs: 4_000 })).toBeNull();
  });
  test("names the dependency as sbatch writes it", () => {
    const on: Condition[] = [
      { kind: "afterok", of: "7" },
      { kind: "after", of: "8_1", delayMs: 300_000 },
      { kind: "singleton" },
    ];
    expect(dependencyText({ dependency: { any: false, on } })).toBe(
      "afterok:7,after:8_1+5,singleton",
    );
    expect(dependencyText({ dependency: { any: true, on } })).toContain("?");
  });
});

describe("the nodes that may be had", () => {
  const node = (name: string, features: string[], gpuType: string | null = null) => ({
    name: nodeName(name),
    features,
    gpuType,
    temporaryMb: name === "n1" ? 1_000 : null,
    ...(name !== "n3" && { countedGres: { total: { nvme: 2 }, allocated: { nvme: 2 } } }),
  });
  const nodes = [
    node("n1", ["ib", "avx2"]),
    node("n2", ["opa", "avx2"], "a100"),
    node("n3", ["avx2"], "v100"),
  ];
  const allowed = (where: Where) => nodes.filter(nodeTest(where)).map(({ name }) => name);
  test.each<[Where, string[]]>([
    [{ node: "n2" }, ["n2"]],
    [{ exclude: "n[1-2]" }, ["n3"]],
    [{ constraint: "ib" }, ["n1"]],
    [{ constraint: "ib|opa" }, ["n1", "n2"]],
    [{ constraint: "[ib|opa]&avx2" }, ["n1", "n2"]],
    [{ constraint: "avx2&(ib|nvme)" }, ["n1"]],
    [{ constraint: "avx512" }, []],
    [{ gpuType: "a100" }, ["n2"]],
    [{ temporaryMb: 1_000 }, ["n1", "n2", "n3"]],
    [{ temporaryMb: 1_001 }, ["n2", "n3"]],
    [{ gpuType: "a100", exclude: "n2" }, []],
    [{ gres: { nvme: 2 } }, ["n1", "n2"]],
    [{ gres: { nvme: 3 } }, []],
    [{ gres: { nvme: 1, toString: 1 } }, []],
  ])("%j", (where, names) => expect(allowed(where)).toEqual(names));
});
