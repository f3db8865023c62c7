// Replays of calls of functions: the reader, the accounting, and made loads on which the pool's
// policy must beat a fixed keep-alive.

import { describe, expect, test } from "@jest/globals";
import { readFunctionTrace } from "../../../src/sim/functions/trace.js";
import { type FunctionReplay, replayFunctions } from "../../../src/sim/index.js";
import { exponential, type Random, seeded } from "../../../src/sim/random.js";

const header = "app,func,end_timestamp,duration";
const minute = 60;
const hour = 60 * minute;

interface Call {
  readonly name: string;
  /** Seconds. */
  readonly start: number;
  readonly duration: number;
}

const lineOf = ({ name, start, duration }: Call) => `a,${name},${start + duration},${duration}`;
const traceOf = (calls: readonly Call[]) => readFunctionTrace([header, ...calls.map(lineOf)]);
const calls = (name: string, ...starts: readonly number[]): Call[] =>
  starts.map((start) => ({ name, start, duration: 1 }));

type Settings = Parameters<typeof replayFunctions>[1];
const usual = { keepAliveMs: 600_000, idleTimeoutMs: null, minWarm: 0 };

async function replay(
  made: readonly Call[],
  keepAlive: Partial<Settings["keepAlive"]> = {},
  costs: Partial<Settings> = {},
): Promise<Record<FunctionReplay["policies"][number]["policy"], Figures>> {
  const settings = { memoryMb: 100, coldStartMs: 500, ...costs };
  const result = replayFunctions(await traceOf(made), {
    ...settings,
    keepAlive: { ...usual, ...keepAlive },
  });
  return Object.fromEntries(result.policies.map((each) => [each.policy, each])) as never;
}
type Figures = FunctionReplay["policies"][number];

describe("a trace of calls", () => {
  test("is sorted by function and start, counted from the first start", async () => {
    const trace = await readFunctionTrace([
      "func,app,duration,end_timestamp",
      "g,a,2,12.5",
      "f,a,1,11",
      "",
      "g,a,0.5,10.5",
    ]);
    expect(trace).toMatchObject({ calls: 3, lengthMs: 2_500, skipped: [] });
    expect(trace.functions).toEqual([
      { name: "a/g", startsMs: Float64Array.of(0, 500), endsMs: Float64Array.of(500, 2_500) },
      { name: "a/f", startsMs: Float64Array.of(0), endsMs: Float64Array.of(1_000) },
    ]);
  });

  test("skips what is no call, and says where the first such line is", async () => {
    const lines = [header, "a,f,5,1", "a,f,x,1", "a,f,5,-1", "a,f", "a,f,5,864001"];
    const { skipped } = await readFunctionTrace(lines);
    expect(skipped).toEqual([
      { reason: "a time that is not a number", lines: 2, firstLine: 3 },
      { reason: "negative duration", lines: 1, firstLine: 4 },
      { reason: "longer than ten days", lines: 1, firstLine: 6 },
    ]);
  });

  test("is refused without calls or columns", async () => {
    await expect(readFunctionTrace([])).rejects.toThrow(/is empty: begin it with app,func/);
    await expect(readFunctionTrace([header, "a,f,x,y"])).rejects.toThrow(/is empty/);
    await expect(readFunctionTrace(["app,func"])).rejects.toThrow(/lacks end_timestamp, duration/);
  });

  test("grows beyond its first capacity", async () => {
    const made = Array.from({ length: 5_000 }, (_, index) => calls("f", index)[0]!);
    const trace = await traceOf(made);
    expect(trace.functions[0]!.startsMs).toHaveLength(5_000);
    expect(trace.functions[0]!.endsMs[4_999]).toBe(5_000_000);
  });
});

describe("a replay", () => {
  test("accounts for the idle time of a fixed keep-alive, of none and of perfect knowledge", async () => {
    const { fixedKeepAlive, noKeepAlive, perfectKnowledge } = await replay(
      calls("f", 0, 101, 1_000, 1_002),
    );
    // Idle: 100 s, then 600 s until it is stopped; after a cold start 1 s.
    expect(fixedKeepAlive).toMatchObject({ coldStarts: 2, firstUses: 1, idleMbSeconds: 70_100 });
    expect(noKeepAlive).toMatchObject({ coldStarts: 4, coldStartShare: 1, idleMbSeconds: 0 });
    expect(perfectKnowledge).toMatchObject({ coldStarts: 1, startedAhead: 3, idleMbSeconds: 150 });
  });

  test("needs a worker for each call that runs at once", async () => {
    const { fixedKeepAlive, perfectKnowledge } = await replay([
      ...calls("f", 0, 0.5, 10, 10.5, 10.7),
      ...calls("g", 10),
    ]);
    expect(fixedKeepAlive).toMatchObject({ coldStarts: 4, firstUses: 4 });
    expect(perfectKnowledge).toMatchObject({ coldStarts: 4, firstUses: 4 });
  });

  test("gives the worker of a call that ends to one that starts at the same moment", async () => {
    const { fixedKeepAlive } = await replay(calls("f", 0, 1, 2, 3));
    expect(fixedKeepAlive).toMatchObject({ coldStarts: 1, idleMbSeconds: 0 });
  });

  test("counts a call as cold while the worker that was started ahead is not ready", async () => {
    const regular = calls("f", ...Array.from({ length: 12 }, (_, index) => index * hour));
    const ready = await replay(regular);
    expect(ready.gleaner.startedAhead).toBeGreaterThanOrEqual(8);
    expect(ready.gleaner.coldStarts).toBeLessThanOrEqual(4);
    const slow = await replay(regular, { minWarm: 1 }, { coldStartMs: 3_600_000 });
    expect(slow.gleaner.coldStarts).toBe(0);
  });

  test("keeps --min-warm from the beginning on", async () => {
    const { gleaner } = await replay(calls("f", 0, 2 * hour), { minWarm: 1 });
    expect(gleaner).toMatchObject({ coldStarts: 0, firstUses: 0, startedAhead: 1 });
    expect(gleaner.idleMbSeconds).toBeGreaterThanOrEqual(100 * (2 * hour - 1));
  });

  test("obeys an idle timeout as the fixed keep-alive does", async () => {
    const made = load("mix", 3, 4);
    const { gleaner, fixedKeepAlive } = await replay(made, { idleTimeoutMs: 600_000 });
    expect({ ...gleaner, policy: "" }).toEqual({ ...fixedKeepAlive, policy: "" });
  });

  test("is the same each time, in whatever order the lines are", async () => {
    const made = load("mix", 5, 3);
    expect(await replay(made)).toEqual(await replay([...made]));
    const { gleaner } = await replay(made);
    const { gleaner: reversed } = await replay([...made].reverse());
    expect(reversed.idleMbSeconds / gleaner.idleMbSeconds).toBeCloseTo(1, 1);
  });
});

/** Calls of several functions of one kind, for some hours. */
function load(kind: string, seed: number, hours: number): Call[] {
  const random = seeded(seed);
  const endsAt = hours * hour;
  const made: Call[] = [];
  const add = (name: string, start: number) => made.push({ name, start, duration: 0.5 + random() });
  const makers: Readonly<Record<string, (random: Random) => void>> = {
    periodic: () => {
      for (const [index, every] of [60, 300, 900, 900, 1_800, 3_600, 7_200].entries())
        for (let at = random() * every; at < endsAt; at += every)
          for (let each = 0; each <= index % 3; each++) add(`p${index}`, at + random());
    },
    poisson: () => {
      for (const [index, mean] of [20, 60, 180, 400, 900, 2_400].entries())
        for (let at = 0; at < endsAt; at += exponential(random, mean)) add(`q${index}`, at);
    },
    bursty: () => {
      for (const [index, gap] of [900, 1_800, 3_600, 7_200].entries())
        for (let at = random() * gap; at < endsAt; at += gap * (0.9 + 0.2 * random()))
          for (let each = 0, later = at; each < 30; each++, later += exponential(random, 2))
            add(`b${index}`, later);
    },
    rare: () => {
      for (let index = 0; index < 40; index++)
        for (
          let at = exponential(random, 6 * hour);
          at < endsAt;
          at += exponential(random, 6 * hour)
        )
          add(`r${index}`, at);
    },
  };
  for (const [name, make] of Object.entries(makers))
    if (name === kind || kind === "mix") make(random);
  return made;
}

describe("compared with a fixed keep-alive of 10 minutes, the policy", () => {
  test.each([
    // Kind, the most of its cold starts and of its idle memory-time.
    ["periodic", 0.2, 0.6],
    ["poisson", 1, 1.05],
    ["bursty", 0.4, 0.9],
    ["rare", 1.03, 1.05],
    ["mix", 0.5, 0.9],
  ])(
    "has for %s calls at most %d of its cold starts at %d of its idle memory",
    async (kind, most, idle) => {
      for (const seed of [1, 2]) {
        const { gleaner, fixedKeepAlive, perfectKnowledge } = await replay(load(kind, seed, 24));
        const { coldStarts } = fixedKeepAlive;
        expect(gleaner.coldStarts / coldStarts).toBeLessThanOrEqual(most);
        expect(gleaner.idleMbSeconds / fixedKeepAlive.idleMbSeconds).toBeLessThanOrEqual(idle);
        expect(gleaner.coldStarts).toBeGreaterThanOrEqual(perfectKnowledge.coldStarts);
      }
    },
  );
});
