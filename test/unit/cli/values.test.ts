// Values of the CLI's options: round trips, bounds, and a sentence for whatever is not understood.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { exportedEnvironment } from "../../../src/cli/batch/exported.js";
import { loginEnvironment } from "../../../src/cli/batch/login-environment.js";
import { parseWhen } from "../../../src/cli/parse-when.js";
import {
  formatNumbers,
  maxArrayTasks,
  parseArray,
  parseCores,
  parseDuration,
  parseGpus,
  parseGres,
  parseId,
  parseIds,
  parseMemoryMb,
  parseTasks,
  parseTimeLimit,
} from "../../../src/cli/values.js";
import { formatElapsed, formatSpan, formatWhen } from "../../../src/cli/when.js";
import { GleanerError } from "../../../src/model/errors.js";
import { unlimitedMs } from "../../../src/model/invocation.js";

const readers: readonly ((text: string) => unknown)[] = [
  (text) => parseDuration(text, "-t"),
  (text) => parseMemoryMb(text, "--mem"),
  (text) => parseCores(text, "-c"),
  (text) => parseArray(text, "-a").numbers,
  (text) => parseGpus(text, "-G"),
  (text) => parseGres(text, "--gres"),
  (text) => parseIds([text]),
  (text) => parseWhen(text, "-S", 1_700_000_000_000),
];
const almost = fc.stringMatching(/^[0-9:,_%kmgtsh[\]-]{0,24}$/);

test("any text gives a value or one sentence without control characters", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost), fc.constantFrom(...readers), (text, read) => {
      try {
        read(text);
      } catch (error) {
        expect(error).toBeInstanceOf(GleanerError);
        expect((error as GleanerError).code).toBe("BAD_REQUEST");
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not appear
        expect((error as Error).message).not.toMatch(/[\u0000-\u001f]/);
      }
    }),
    { numRuns: 2_000 },
  );
});

describe("durations", () => {
  test.each([
    ["30", 30 * 60_000],
    ["1:30", 90_000],
    ["2:00:00", 7_200_000],
    ["1-", 86_400_000],
    ["1-12", 36 * 3_600_000],
    ["1-0:30", 86_400_000 + 30 * 60_000],
    ["1-00:00:05", 86_405_000],
    ["500ms", 500],
    ["20s", 20_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
  ])("%s", (text, ms) => expect(parseDuration(text, "-t")).toBe(ms));

  test.each(["", "0", "0:00", "-1", "1,5s", "1:2:3:4", "UNLIMITED", "30d", "99999999", "1 x"])(
    "%j is refused",
    (text) => expect(() => parseDuration(text, "-t")).toThrow(/^-t: /),
  );

  test.each(["UNLIMITED", "infinite", "0", "0:00", "-1"])("%j is the longest limit", (text) =>
    expect(parseTimeLimit(text, "-t")).toBe(unlimitedMs),
  );

  test.each(["30-0", "45d"])("%j is longer than can be told", (text) =>
    expect(parseTimeLimit(text, "-t")).toBe(unlimitedMs - 1),
  );

  test("read back a printed span as the same whole seconds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 2_000_000_000 }), (ms) => {
        expect(parseDuration(formatSpan(ms), "-t")).toBe(Math.floor(ms / 1_000) * 1_000);
      }),
    );
  });

  test("keep the milliseconds of elapsed times", () => {
    expect(formatElapsed(7)).toBe("00:00:00.007");
    expect(formatElapsed(90_061_001)).toBe("1-01:01:01.001");
  });
});

describe("memory and cores", () => {
  test.each([
    ["512", 512],
    ["512M", 512],
    ["512MB", 512],
    ["2G", 2048],
    ["1t", 1_048_576],
    ["100K", 1],
    ["1025k", 2],
  ])("%s", (text, mb) => expect(parseMemoryMb(text, "--mem")).toBe(mb));

  test.each(["0", "", "1.5G", "-1", "12B", "G", "2P", "99999999T"])("%j is refused", (text) =>
    expect(() => parseMemoryMb(text, "--mem")).toThrow(/^--mem: /),
  );

  test("are rounded up for memory", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (kilobytes) => {
        const mb = parseMemoryMb(`${kilobytes}K`, "--mem");
        expect(mb * 1024).toBeGreaterThanOrEqual(kilobytes);
        expect((mb - 1) * 1024).toBeLessThan(kilobytes);
      }),
    );
  });

  test("are whole and above zero for cores", () => {
    for (const text of ["4", "+4", " 4", "04"]) expect(parseCores(text, "-c")).toBe(4);
    for (const text of ["0", "-1", "1.5", "four", "", "70000", "4 ", "+ 4"])
      expect(() => parseCores(text, "-c")).toThrow(/^-c: invalid number of cores /);
  });

  test("are called what was asked for", () => {
    expect(parseTasks("65535", "-n")).toBe(65_535);
    expect(() => parseTasks("100000", "-n")).toThrow(
      '-n: invalid number of tasks "100000": expected 1 to 65535',
    );
  });
});

describe("arrays and ids", () => {
  test("accept ranges, steps, lists and duplicates", () => {
    expect(parseArray("0-15:4", "-a").numbers).toEqual([0, 4, 8, 12]);
    expect(parseArray("5,1-3,2", "-a").numbers).toEqual([1, 2, 3, 5]);
    expect(parseArray(" 1, 3,,5,", "-a").numbers).toEqual([1, 3, 5]);
  });

  test("read back a printed set of numbers unchanged", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 200 }),
        (numbers) => {
          const ascending = numbers.sort((a, b) => a - b);
          expect(parseArray(formatNumbers(ascending), "-a").numbers).toEqual(ascending);
        },
      ),
    );
  });

  test("are counted before ranges are expanded", () => {
    expect(parseArray(`0-${maxArrayTasks - 1}`, "-a").numbers).toHaveLength(maxArrayTasks);
    expect(() => parseArray(`0-${maxArrayTasks}`, "-a")).toThrow(/split it/);
    expect(() => parseArray("0-4000000", "-a")).toThrow(/split it/);
    expect(() => parseArray("4000001", "-a")).toThrow(/use at most 4000000/);
  });

  test("may limit how many tasks run at once, as for sbatch", () => {
    expect(parseArray("0-3%2", "-a")).toEqual({ numbers: [0, 1, 2, 3], mostRunning: 2 });
    expect(parseArray("[0-1]%1", "-a")).toEqual({ numbers: [0, 1], mostRunning: 1 });
    expect(parseArray("[0-1%3]", "-a")).toEqual({ numbers: [0, 1], mostRunning: 3 });
    expect(parseArray("0-1%0", "-a").mostRunning).toBeNull();
    expect(parseArray("0-1%", "-a")).toEqual({ numbers: [0, 1], mostRunning: null });
    for (const text of ["0-3%x", "%2"])
      expect(() => parseArray(text, "-a")).toThrow(/invalid task numbers/);
  });

  test.each(["", ",", "3-1", "a", "0-9:0", "-5"])("%j is refused", (text) =>
    expect(() => parseArray(text, "-a")).toThrow(/invalid task numbers/),
  );

  test("expand the ids of tasks", () => {
    expect(parseIds(["42", "43_7", "44_[1-3,9]", "45,46_2"])).toEqual([
      "42",
      "43_7",
      "44_1",
      "44_2",
      "44_3",
      "44_9",
      "45",
      "46_2",
    ]);
    for (const text of ["x", "0", "42_", "42_[", "42;rm", "../42"])
      expect(() => parseIds([text])).toThrow(/invalid id|invalid task numbers/);
    expect(() => parseId("42_[1-2]")).toThrow(/names several/);
    expect(parseIds(["1_[0-998]", "2"])).toHaveLength(1_000);
    expect(() => parseIds(["1_[0-999]", "2"])).toThrow(/more than 1000 ids .* whole array/);
  });
});

describe("moments", () => {
  const now = new Date(2026, 4, 20, 15, 30, 0).getTime();
  test("are read as sacct reads them", () => {
    expect(parseWhen("now", "-S", now)).toBe(now);
    expect(parseWhen("now-2hours", "-S", now)).toBe(now - 7_200_000);
    expect(formatWhen(parseWhen("today", "-S", now))).toBe("2026-05-20T00:00:00");
    expect(formatWhen(parseWhen("noon", "-S", now))).toBe("2026-05-20T12:00:00");
    expect(formatWhen(parseWhen("08:15", "-S", now))).toBe("2026-05-20T08:15:00");
    expect(formatWhen(parseWhen("0301", "-S", now))).toBe("2026-03-01T00:00:00");
    expect(formatWhen(parseWhen("2026-01-02T03:04:05", "-S", now))).toBe("2026-01-02T03:04:05");
    expect(formatWhen(null)).toBe("Unknown");
  });
  // Each was given to sbatch of Slurm 22.05 as --begin; torchx asks sacct for the first.
  test.each([
    ["1970-01-01-00:00:01", "1970-01-01T00:00:01"],
    ["2030-01-01 00:00:01", "2030-01-01T00:00:01"],
    ["00:00:01T2030-01-01", "2030-01-01T00:00:01"],
    ["2030-01-01T", "2030-01-01T00:00:00"],
    ["1/2/30-10:00", "2030-01-02T10:00:00"],
    ["010230", "2030-01-02T00:00:00"],
    ["1.2.30", "2030-01-02T00:00:00"],
    ["0102", "2027-01-02T00:00:00"],
    ["0101 10:00", "2027-01-01T10:00:00"],
    ["0520", "2027-05-20T00:00:00"],
    ["0520-16:00", "2026-05-20T16:00:00"],
    ["tomorrow", "2026-05-21T00:00:00"],
    ["10:00 tomorrow", "2026-05-21T10:00:00"],
    ["midnight", "2026-05-21T00:00:00"],
    ["15:30:59", "2026-05-21T15:30:59"],
    ["15:31", "2026-05-20T15:31:00"],
    ["12:30am", "2026-05-21T00:30:00"],
    ["4:00 PM", "2026-05-20T16:00:00"],
    ["now + 2 days", "2026-05-22T15:30:00"],
    ["now+1day-10:00", "2026-05-21T10:00:00"],
  ])("of the future, %s is %s", (text, expected) =>
    expect(formatWhen(parseWhen(text, "--begin", now, "future"))).toBe(expected),
  );
  test.each([
    ["0521", "2026-05-21T00:00:00"],
    ["0601", "2025-06-01T00:00:00"],
    ["23:00", "2026-05-20T23:00:00"],
  ])("of the past, %s is %s", (text, expected) =>
    expect(formatWhen(parseWhen(text, "-S", now))).toBe(expected),
  );
  const wrong = ["2026-02-31", "25:00", "12:60", "1340", "yesterday", "", "13:00pm", "1/2/2030"];
  const tooFar = ["now+999999999weeks", "now-999999999weeks"];
  test.each([...wrong, ...tooFar, "20300102", "now+1h", "T", "1893456001"])(
    "%j is refused",
    (text) => expect(() => parseWhen(text, "-S", now)).toThrow(/^-S: invalid time /),
  );
});

test("in the hour that autumn repeats, now and what follows are moments, not times of day", () => {
  const script = `
    import { parseWhen } from "${fileURLToPath(new URL("../../../src/cli/parse-when.ts", import.meta.url))}";
    const now = Date.parse("2026-10-25T00:55:00.250Z");
    for (const text of ["now+10minutes", "now", " now+70minutes ", "now+10minutes 04:00"])
      console.log(new Date(parseWhen(text, "--begin", now, "future")).toISOString());`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", script];
  const env = { ...process.env, TZ: "Europe/Berlin" };
  expect(execFileSync(process.execPath, args, { env, encoding: "utf8" }).split("\n")).toEqual([
    "2026-10-25T01:05:00.250Z",
    "2026-10-25T00:55:00.250Z",
    "2026-10-25T02:05:00.250Z",
    "2026-10-25T03:00:00.000Z",
    "",
  ]);
});

describe("--export", () => {
  const own = { PATH: "/bin", HOME: "/h", USER: "u", EDITOR: "vi", SECRET: "s" };
  const basics = { PATH: "/bin", HOME: "/h", USER: "u" };
  test.each([
    ["ALL", own],
    ["NONE", basics],
    ["EDITOR", { ...basics, EDITOR: "vi" }],
    ["EDITOR,X=1,MISSING", { ...basics, EDITOR: "vi", X: "1" }],
    ["ALL,X=a=b", { ...own, X: "a=b" }],
    ["all,X=1", { ...own, X: "1" }],
    ["Nil", basics],
    ["'X=1,2',Y=3", { ...basics, X: "1,2", Y: "3" }],
    [`X="1,2",Y='3'`, { ...basics, X: '"1,2"', Y: "'3'" }],
  ])("%s", (text, expected) => expect(exportedEnvironment(text, own)).toEqual(expected));

  test("leaves out no name of Slurm's, as sbatch does, and not where glean finds its site", () => {
    const kept = { SLURM_TMPDIR: "/scratch", GLEANER_CONF: "/site/gleaner.yaml" };
    const login = () => ({ SLURM_TMPDIR: "/other" });
    for (const text of ["NONE", "HOME"])
      expect(exportedEnvironment(text, { ...own, ...kept }, login)).toMatchObject(kept);
  });

  test("takes what a login shell sets, unless it takes all", () => {
    const login = (given: object) => ({ PATH: "/login", MODULES: Object.keys(given).join() });
    expect(exportedEnvironment("NONE", own, login)).toEqual({
      ...basics,
      PATH: "/login",
      MODULES: "HOME,USER",
    });
    expect(exportedEnvironment("PATH,X=1", own, login)).toMatchObject({ PATH: "/bin", X: "1" });
    expect(exportedEnvironment("ALL", own, login)).toEqual(own);
  });

  test("reads a login shell's variables past what its profile prints", () => {
    const login = loginEnvironment({ HOME: "/tmp", A: "x=\ny" });
    expect(login).toMatchObject({ HOME: "/tmp", A: "x=\ny" });
    expect(login).not.toHaveProperty("PWD");
  });

  test("refuses an invalid name and too large an environment", () => {
    expect(() => exportedEnvironment("1X=2", own)).toThrow(/invalid variable name/);
    expect(() => exportedEnvironment("ALL", { BIG: "x".repeat(1024 * 1024) })).toThrow(
      /--export=NONE/,
    );
  });
});

describe("GPUs", () => {
  test("are a number, or sbatch's generic resource", () => {
    expect(parseGpus("0", "-G")).toEqual({ gpus: 0, type: null });
    expect(parseGpus("2", "-G")).toEqual({ gpus: 2, type: null });
    const wanted = { gpu: 1, "gpu:3": 3, "gres:gpu:2": 2, none: 0, "0": 0 };
    for (const [text, gpus] of Object.entries(wanted))
      expect(parseGres(text, "x")).toEqual({ gpus: { gpus, type: null }, counts: {} });
  });
  test("may be of one type", () => {
    expect(parseGpus("a100:2", "-G")).toEqual({ gpus: 2, type: "a100" });
    expect(parseGpus("v100", "-G")).toEqual({ gpus: 1, type: "v100" });
    expect(parseGres("gpu:rtx_2080-ti:1", "x").gpus).toEqual({ gpus: 1, type: "rtx_2080-ti" });
  });
  test("are refused above the limit, of several types, or as another resource", () => {
    for (const text of ["a100:2,v100:1", "65", "-1", "", "a:b:1"])
      expect(() => parseGpus(text, "-G")).toThrow(/^-G: .*0 to 64, or one type/);
    for (const text of ["shard:1", "gpu:1,shard:2", "gpu,gpu", "nvme:1,nvme:1", "", "nvme:1,"])
      expect(() => parseGres(text, "--gres")).toThrow(/^--gres: .*gpu:N/);
  });
  test("stand beside resources that are only counted", () => {
    const counts = { nvme: 2, tape: 1, scratch: 4096 };
    const gpus = { gpus: 1, type: "a100" };
    expect(parseGres("gpu:a100:1,nvme:2,gres/tape,scratch:4K", "x")).toEqual({ gpus, counts });
    expect(parseGres("nvme", "x")).toEqual({ gpus: null, counts: { nvme: 1 } });
    for (const text of ["nvme:0", "nvme:fast:2", "nvme:3T", "nvme:-1"])
      expect(() => parseGres(text, "--gres")).toThrow(/^--gres: .*NAME:N with N from 1 to/);
  });
});
