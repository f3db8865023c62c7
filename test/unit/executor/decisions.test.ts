// The executor's decisions without a process: budgets, victims, hook lines, how an attempt ended.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Ending, outcomeOf } from "../../../src/executor/attempts/outcome.js";
import {
  effectiveBudget,
  type JobOnNode,
  waitsForCores,
} from "../../../src/executor/budget/budget.js";
import { chooseVictims } from "../../../src/executor/budget/victims.js";
import { parseHookLine, parseMark } from "../../../src/executor/hook/lines.js";
import type { RunEnd } from "../../../src/executor/runtimes/runtime.js";
import { jobId } from "../../../src/model/ids.js";
import { countsOf, fits, lesser, type Resources } from "../../../src/model/resources.js";
import type { BudgetOrder, SiteFacts } from "../../../src/wire/messages.js";

const isWithin = (part: Resources, whole: Resources): boolean =>
  fits(countsOf(part), whole) && part.gpus.every((gpu) => whole.gpus.includes(gpu));

const someGpus = fc.uniqueArray(fc.nat(3), { maxLength: 4 });
const someResources: fc.Arbitrary<Resources> = fc.record({
  cores: fc.nat(16),
  memoryMb: fc.nat(32_000),
  gpus: someGpus,
});
const someConfined = fc
  .tuple(someResources, fc.uniqueArray(fc.nat(15)))
  .map(([all, cpuIds]) => ({ ...all, cores: Math.min(all.cores, cpuIds.length), cpuIds }));
const someJobs: fc.Arbitrary<JobOnNode[]> = fc
  .array(
    fc.record({
      cpus: fc.nat(16),
      gpus: fc.oneof(someGpus, fc.constant("all" as const)),
      origin: fc.constantFrom("mark" as const, "hook" as const),
    }),
    { maxLength: 6 },
  )
  .map((jobs) =>
    jobs.map((each, index) => ({ ...each, job: jobId(index + 1), sequence: index + 1 })),
  );
const someFacts: fc.Arbitrary<SiteFacts> = fc.record({
  memoryIsConsumable: fc.boolean(),
  maxMemoryPerCoreMb: fc.option(fc.nat(4_000)),
  maxCpusPerToldCpu: fc.option(fc.integer({ min: 1, max: 4 })),
  jobsArePinned: fc.boolean(),
  totalCores: fc.nat(64),
});
const someOrder: fc.Arbitrary<BudgetOrder> = fc.record({
  budget: someResources,
  seenHookSequence: fc.nat(6),
  knownJobs: fc.subarray([1, 2, 3, 4, 5, 6].map(jobId)),
});

describe("the effective budget", () => {
  const order: BudgetOrder = {
    budget: { cores: 16, memoryMb: 8_000, gpus: [0, 1] },
    seenHookSequence: 2,
    knownJobs: [jobId(30)],
  };
  const facts = {
    memoryIsConsumable: true,
    maxMemoryPerCoreMb: 500,
    maxCpusPerToldCpu: 1,
    jobsArePinned: false,
    totalCores: 24,
  };
  const job = (id: number, sequence: number, more: Partial<JobOnNode> = {}): JobOnNode => ({
    job: jobId(id),
    sequence,
    origin: "hook",
    cpus: 4,
    gpus: [1],
    ...more,
  });

  test("is the order's budget less the jobs that the order could not know", () => {
    const jobs = [job(10, 2), job(30, 3, { origin: "mark" }), job(40, 4)];
    expect(effectiveBudget(order, jobs, facts)).toEqual({ cores: 12, memoryMb: 6_000, gpus: [0] });
  });

  test("has none of the counted resources while a job is there that may have them", () => {
    const gres = { nvme: 2 };
    const given = { ...order, budget: { ...order.budget, gres } };
    expect(effectiveBudget(given, [job(10, 2)], facts).gres).toEqual(gres);
    expect(effectiveBudget(given, [job(40, 4)], facts).gres).toEqual({ nvme: 0 });
  });

  test("counts a requeued job again, because its id excuses only the mark from the start", () => {
    const left = { cores: 12, memoryMb: 6_000, gpus: [0] };
    expect(effectiveBudget(order, [job(30, 3, { origin: "mark" })], facts)).toEqual(order.budget);
    expect(effectiveBudget(order, [job(30, 3)], facts)).toEqual(left);
    expect(effectiveBudget(order, [job(41, 3, { origin: "mark" })], facts)).toEqual(left);
  });

  test("excuses no mark if the marked jobs do not fit beside the budget, because one came after the view", () => {
    const marks = [job(30, 1, { origin: "mark" }), job(31, 2, { origin: "mark", cpus: 5 })];
    const given = { ...order, seenHookSequence: 0, knownJobs: [jobId(30), jobId(31)] };
    expect(effectiveBudget(given, marks, { ...facts, totalCores: 25 }).cores).toBe(16);
    expect(effectiveBudget(given, marks, facts).cores).toBe(7);
    const unreadable = [job(30, 1, { origin: "mark", cpus: 0 })];
    expect(effectiveBudget(given, unreadable, facts).cores).toBe(0);
  });

  test("deducts all threads of the cores that a prolog reports, and their memory", () => {
    const threaded = { ...facts, maxCpusPerToldCpu: 2 };
    expect(effectiveBudget(order, [job(40, 4, { cpus: 3 })], threaded)).toEqual({
      cores: 10,
      memoryMb: 5_000,
      gpus: [0],
    });
    expect(effectiveBudget(order, [job(40, 4, { cpus: 12 })], threaded).cores).toBe(0);
    const marks = [job(30, 3, { origin: "mark", cpus: 5 })];
    expect(effectiveBudget(order, marks, threaded).cores).toBe(6);
    expect(effectiveBudget(order, marks, { ...threaded, totalCores: 26 }).cores).toBe(16);
  });

  test("deducts only the cores that the prolog of a pinned job reports: the rest freezes", () => {
    const pinned = { ...facts, maxCpusPerToldCpu: 2, jobsArePinned: true };
    expect(effectiveBudget(order, [job(40, 4)], pinned)).toMatchObject({
      cores: 12,
      memoryMb: 4_000,
    });
  });

  test.each([
    ["unreadable", job(40, 4, { cpus: 0 }), facts, { cores: 0, memoryMb: 0, gpus: [] }],
    [
      "of unbounded memory",
      job(40, 4),
      { ...facts, maxMemoryPerCoreMb: null },
      { cores: 12, memoryMb: 0, gpus: [0] },
    ],
    [
      "perhaps without some cores of its node",
      job(40, 4),
      { ...facts, maxCpusPerToldCpu: null },
      { cores: 0, memoryMb: 0, gpus: [] },
    ],
    [
      "without booked memory",
      job(40, 4, { gpus: "all" }),
      { ...facts, memoryIsConsumable: false },
      { cores: 12, memoryMb: 8_000, gpus: [] },
    ],
    [
      "without booked memory, and told the GPUs of one type",
      job(40, 4),
      { ...facts, memoryIsConsumable: false, gpusAreToldInPart: true },
      { cores: 12, memoryMb: 8_000, gpus: [] },
    ],
    [
      "without booked memory and GPUs",
      job(40, 4, { gpus: [] }),
      { ...facts, memoryIsConsumable: false, gpusAreToldInPart: true },
      { cores: 12, memoryMb: 8_000, gpus: [0, 1] },
    ],
  ] as const)("has the right size after a job that is %s", (_what, unknown, site, left) => {
    expect(effectiveBudget(order, [unknown], site)).toEqual(left);
  });

  test("leaves all unknown jobs their cores and GPUs, and is never negative", () => {
    fc.assert(
      fc.property(someOrder, someJobs, someFacts, (given, jobs, site) => {
        const left = effectiveBudget(given, jobs, site);
        const marked = jobs.filter(({ origin }) => origin === "mark");
        const most = ({ cpus }: JobOnNode) =>
          cpus === 0 || site.maxCpusPerToldCpu === null
            ? site.totalCores
            : Math.min(site.totalCores, cpus * site.maxCpusPerToldCpu);
        const markedCores = marked.reduce((sum, each) => sum + most(each), 0);
        const hasRoom = markedCores + given.budget.cores <= site.totalCores;
        const unknown = jobs.filter(
          (each) =>
            each.sequence > given.seenHookSequence &&
            (each.origin === "hook" || !hasRoom || !given.knownJobs.includes(each.job)),
        );
        const cores = unknown.reduce(
          (sum, each) => sum + (site.jobsArePinned ? each.cpus : most(each)),
          0,
        );
        expect(left.cores).toBeLessThanOrEqual(Math.max(0, given.budget.cores - cores));
        expect(isWithin(left, given.budget)).toBe(true);
        expect(Math.min(left.cores, left.memoryMb)).toBeGreaterThanOrEqual(0);
        for (const { gpus } of unknown)
          for (const gpu of gpus === "all" ? given.budget.gpus : gpus)
            expect(left.gpus).not.toContain(gpu);
        if (unknown.length === 0) expect(left).toEqual(given.budget);
      }),
    );
  });

  test("waits for the cores of pinned jobs that the order could not know", () => {
    const pinned = { ...facts, jobsArePinned: true };
    expect(waitsForCores(order, [job(10, 2)], pinned)).toBe(false);
    expect(waitsForCores(order, [job(30, 3, { origin: "mark" })], pinned)).toBe(false);
    expect(waitsForCores(order, [job(40, 4)], pinned)).toBe(true);
    expect(waitsForCores(order, [job(40, 4)], facts)).toBe(false);
  });

  test("as the lesser of two fits into each, on the CPUs of each", () => {
    const some = fc.oneof(someResources, someConfined);
    fc.assert(
      fc.property(some, some, (one, other) => {
        const both = lesser(one, other);
        expect(isWithin(both, one) && isWithin(both, other)).toBe(true);
        for (const { cpuIds } of [one, other] as Resources[])
          if (cpuIds !== undefined) {
            expect(cpuIds).toEqual(expect.arrayContaining([...(both.cpuIds ?? ["none"])]));
            expect(both.cpuIds!.length).toBeGreaterThanOrEqual(both.cores);
          }
        expect(lesser(one, one)).toEqual(one);
      }),
    );
  });
});

describe("the victims", () => {
  const someHeld = fc.array(
    fc.record({
      cores: fc.integer({ min: 1, max: 8 }),
      memoryMb: fc.nat(4_000),
      gpus: fc.constant<readonly number[]>([]),
      startedAtMs: fc.nat(50),
    }),
    { maxLength: 12 },
  );

  test("are the youngest", () => {
    const each = { cores: 2, memoryMb: 10, gpus: [] };
    const held = [5, 30, 10, 20].map((startedAtMs) => ({ ...each, startedAtMs }));
    const victims = chooseVictims(held, { cores: 4, memoryMb: 1_000, gpus: [] });
    expect(victims.map((each) => each.startedAtMs)).toEqual([30, 20]);
  });

  test("are all holders of a lost GPU, and nobody because of another GPU", () => {
    const held = [[0], [1], [2, 3], []].map((gpus, startedAtMs) => ({
      cores: 1,
      memoryMb: 10,
      gpus,
      startedAtMs,
    }));
    const holders = (gpus: number[], cores: number) =>
      chooseVictims(held, { cores, memoryMb: 1_000, gpus }).map((each) => each.startedAtMs);
    expect(holders([0, 1, 2, 3], 4)).toEqual([]);
    expect(holders([0, 2, 3], 3)).toEqual([1]);
    expect(holders([0, 1, 3], 4)).toEqual([2]);
    expect(holders([0], 1)).toEqual([1, 2, 3]);
  });

  test("are the youngest holders of a counted resource that is short", () => {
    const each = { cores: 1, memoryMb: 10, gpus: [] };
    const held = [{ nvme: 1 }, { tape: 1 }, { nvme: 2 }, undefined, { nvme: 1, tape: 1 }].map(
      (gres, startedAtMs) => ({ ...each, gres, startedAtMs }),
    );
    const holders = (gres: Resources["gres"]) =>
      chooseVictims(held, { cores: 8, memoryMb: 1_000, gpus: [], gres }).map(
        ({ startedAtMs }) => startedAtMs,
      );
    expect(holders({ nvme: 4, tape: 2 })).toEqual([]);
    expect(holders({ nvme: 4, tape: 1 })).toEqual([4]);
    expect(holders({ nvme: 1, tape: 2 })).toEqual([4, 2]);
    expect(holders(undefined)).toEqual([4, 2, 1, 0]);
  });

  test("leave only functions that fit, and none of them could have stayed", () => {
    fc.assert(
      fc.property(someHeld, someResources, (held, budget) => {
        const victims = new Set(chooseVictims(held, budget));
        const rest = held.filter((each) => !victims.has(each));
        const sum = (of: typeof held) => ({
          cores: of.reduce((all, each) => all + each.cores, 0),
          memoryMb: of.reduce((all, each) => all + each.memoryMb, 0),
          gpus: 0,
        });
        expect(fits(sum(rest), budget)).toBe(true);
        // Nobody holds a GPU here, so each went for its cores or memory.
        for (const victim of victims) expect(fits(sum([...rest, victim]), budget)).toBe(false);
      }),
    );
  });
});

describe("hook lines", () => {
  test("are read as PROTOCOL.md specifies", () => {
    expect(parseHookLine("begin 12 4 0,1 80 123456789")).toEqual({
      kind: "begin",
      job: { job: 12, cpus: 4, gpus: [0, 1] },
      answerMs: 80,
      startNs: 123456789n,
    });
    expect(parseHookLine("begin 4294967295 0 * 80 1")).toMatchObject({
      job: { cpus: 0, gpus: "all" },
    });
    expect(parseHookLine("end 7")).toEqual({ kind: "end", job: 7 });
    expect(parseHookLine("probe")).toEqual({ kind: "probe" });
    expect(parseMark("12.4.-")).toEqual({ job: 12, cpus: 4, gpus: [] });
  });

  test.each([
    "",
    "begin",
    "begin 0 4 - 80 1",
    "begin 4294967296 4 - 80 1",
    "begin 12 65537 - 80 1",
    "begin 12 4 64 80 1",
    "begin 12 4 0,,1 80 1",
    "begin 12 4  80 1",
    "begin 12 4 - 80 1 ",
    "begin 12 4 - -1 1",
    "end",
    "end -1",
    "end 1e3",
    "probe ",
    "\0",
  ])("%j is refused", (line) => {
    expect(parseHookLine(line)).toBeNull();
  });

  test.each(["12.4", "12.4.-.x", ".12.4.-", "a.4.-", "12.4.-\n"])("%j is no mark", (name) => {
    expect(parseMark(name)).toBeNull();
  });
});

describe("the end of an attempt", () => {
  const ended = (more: Partial<Extract<RunEnd, { kind: "ended" }>>): RunEnd => ({
    kind: "ended",
    exitCode: 0,
    signal: 0,
    startNs: 1_000_000n,
    endNs: 12_999_999n,
    cpuMs: 5,
    maxRssMb: 3,
    oomKills: 0,
    brokenProcessLimit: null,
    ...more,
  });
  const command = { kind: "argv", argv: ["true"] } as const;
  const endOf = (end: RunEnd, ending: Ending | null) =>
    outcomeOf(end, { command, memoryMb: 100, timeLimitMs: 60_000 }, ending);
  const evicted = (atNs: bigint) => ({ end: "EVICTED", reason: "a job came", atNs }) as const;

  test.each([
    ["less", 31, "EVICTED", "it was late before its worker started"],
    ["no less", 30, "TIMEOUT", "it was late"],
  ] as const)(
    "of a call's start that was late is for its worker's own time: %s than half of the limit",
    (_, startS, end, reason) => {
      const call = { command: { kind: "call" }, memoryMb: 100, timeLimitMs: 60_000 };
      const inNs = (seconds: number) => BigInt(seconds) * 1_000_000_000n;
      const killed = ended({ signal: 9, startNs: inNs(startS), endNs: inNs(60) + 1n });
      const late = { end: "TIMEOUT", reason: "it was late", atNs: inNs(60) } as const;
      expect(outcomeOf(killed, call as never, late)).toMatchObject({ end, reason });
    },
  );

  test("is the process's, measured in whole milliseconds", () => {
    expect(endOf(ended({}), null)).toEqual({
      end: "COMPLETED",
      exitCode: 0,
      signal: null,
      wallMs: 11,
      cpuMs: 5,
      maxRssMb: 3,
      reason: null,
    });
    expect(endOf(ended({ exitCode: 3 }), null)).toMatchObject({ end: "FAILED", exitCode: 3 });
    expect(endOf(ended({ signal: 11 }), null)).toMatchObject({
      end: "FAILED",
      exitCode: null,
      signal: 11,
    });
    expect(endOf(ended({ signal: 9, oomKills: 1 }), null)).toMatchObject({
      end: "OUT_OF_MEMORY",
      reason:
        "it used more memory than its limit of 100 MB (peak 3 MB): resubmit it with a larger --mem",
    });
    expect(endOf(ended({ signal: 9, oomKills: 1, nodeWasFull: true }), null)).toMatchObject({
      end: "EVICTED",
      reason:
        "the kernel killed it, within its limit of 100 MB (peak 3 MB), because its node had no memory left for functions",
    });
    expect(endOf(ended({ signal: 9, oomKills: 1, nodeWasFull: false }), null)).toMatchObject({
      end: "OUT_OF_MEMORY",
      reason: expect.stringMatching(/although its node has some left: look for .* shared tmpfs/),
    });
    const killed = { startNs: 0n, endNs: 9_000_000n, cpuMs: 1, maxRssMb: 3, oomKills: 1 };
    const error = { type: "Error", message: "half", stack: "" };
    const answer = { kind: "exception", error } as const;
    const call = { kind: "answered", answer, ...killed } as const;
    expect(endOf(call, null)).toMatchObject({ end: "OUT_OF_MEMORY", exitCode: 1 });
    const full = { ...call, nodeWasFull: true };
    expect(endOf(full, null)).toMatchObject({ end: "EVICTED", exitCode: null });
    expect(endOf(ended({ signal: 9, brokenProcessLimit: 256 }), null)).toMatchObject({
      end: "FAILED",
      reason: "it exceeded 256 processes and threads, the limit for its number of cores",
    });
  });

  test("is the executor's only if the executor's signal came first", () => {
    expect(endOf(ended({ signal: 9 }), evicted(2_000_000n))).toMatchObject({
      end: "EVICTED",
      reason: "a job came",
    });
    expect(endOf(ended({}), evicted(13_000_000n)).end).toBe("COMPLETED");
    expect(endOf(ended({ exitCode: 1 }), evicted(13_000_000n)).end).toBe("FAILED");
  });

  test("that is nobody's fault but that of its user's own code is a failure, which runs again", () => {
    const used = { startNs: 0n, endNs: 9_000_000n, cpuMs: 1, maxRssMb: 1, oomKills: 0 };
    const lost = (isOwnDoing: boolean) =>
      endOf({ kind: "interrupted", message: "call 7 ended it", isOwnDoing, ...used }, null);
    const reason = "call 7 ended it";
    expect(lost(true)).toMatchObject({ end: "FAILED", isInterrupted: true, reason, wallMs: 9 });
    expect(lost(false)).toMatchObject({ end: "EVICTED", reason, wallMs: 9 });
    expect(lost(false)).not.toHaveProperty("isInterrupted");
    const together = { ...evicted(13_000_000n), isOwnDoing: true };
    expect(endOf(ended({ endNs: 14_000_000n }), together)).toMatchObject({ isInterrupted: true });
    const unstarted = endOf({ kind: "withdrawn", message: "it did not start" }, together);
    expect(unstarted).toMatchObject({ end: "EVICTED", wallMs: 0 });
  });

  test("without a command has a reason, and no time unless it waited for the user's files", () => {
    const failed = {
      kind: "failed",
      stage: "chdir",
      errno: 2,
      message: "there is no /x",
      heldMs: 7,
    } as const;
    const notThere = { ...failed, stage: "exec", errno: 2 } as const;
    expect(endOf(notThere, null)).toMatchObject({ end: "FAILED", exitCode: 2, wallMs: 0 });
    const waited = { ...failed, stage: "open-stdout", errno: 110, message: "a FIFO" } as const;
    expect(endOf(waited, null)).toMatchObject({ end: "FAILED", reason: "a FIFO", wallMs: 7 });
    expect(endOf(waited, null)).not.toHaveProperty("startFailure");
    expect(endOf({ ...waited, stage: "start" }, null)).toMatchObject({
      startFailure: { stage: "start", errno: 110 },
      wallMs: 0,
    });
    expect(endOf(failed, null)).toMatchObject({
      end: "FAILED",
      reason: "there is no /x",
      wallMs: 0,
    });
    expect(endOf(failed, evicted(1n)).end).toBe("EVICTED");
    expect(endOf({ kind: "vanished", message: "gone" }, null).end).toBe("LOST");
    expect(endOf({ kind: "vanished", message: "gone" }, evicted(1n)).end).toBe("EVICTED");
  });
});
