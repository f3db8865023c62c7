// The executor's side of the hook's protocol: parses exactly what the hook can send, and trusts
// nothing else.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseHookLine, parseKillNote, parseMark } from "../../../../src/executor/hook/lines.js";

const options = { seed: 20261123, numRuns: 2_000 };
const job = fc.integer({ min: 1, max: 4_294_967_295 });
const cpus = fc.integer({ min: 0, max: 65_536 });
/** As hook_env_gpus writes them: ascending, each once. */
const indices = fc
  .uniqueArray(fc.integer({ min: 0, max: 63 }), { maxLength: 64 })
  .map((list) => list.sort((left, right) => left - right));
const gpus = fc.oneof(
  fc.constant({ text: "*", value: "all" as const }),
  indices.map((list) => ({ text: list.length === 0 ? "-" : list.join(","), value: list })),
);
const answerMs = fc.integer({ min: 1, max: 60_000 });
const startNs = fc.bigInt({ min: 0n, max: 9_223_372_036_854_775_807n });
/** Bytes as the socket gives them, with much that looks like a line. */
const unit = fc.constantFrom(..."begindprobe 0123456789-*,.+ex\t\r\0é ");
const noise = fc.oneof(fc.string({ unit, maxLength: 300 }), fc.string({ maxLength: 300 }));

describe("the hook's output is read back", () => {
  test("with begin, and the mark of the same job", () => {
    fc.assert(
      fc.property(job, cpus, gpus, answerMs, startNs, (id, count, list, waits, start) => {
        const share = { job: id, cpus: count, gpus: list.value };
        const line = `begin ${id} ${count} ${list.text} ${waits} ${start}`;
        expect(line.length).toBeLessThan(256);
        expect(parseHookLine(line)).toEqual({
          kind: "begin",
          job: share,
          answerMs: waits,
          startNs: start,
        });
        expect(parseMark(`${id}.${count}.${list.text}`)).toEqual(share);
      }),
      options,
    );
  });

  test("with end, probe and the note of a kill", () => {
    fc.assert(
      fc.property(job, fc.integer({ min: 0, max: 60_000 }), (id, tookMs) => {
        expect(parseHookLine(`end ${id}`)).toEqual({ kind: "end", job: id });
        expect(parseKillNote(`killed.${id}.${tookMs}`)).toEqual({ job: id, tookMs, left: 0 });
        expect(parseKillNote(`late.${id}.${tookMs}.7`)).toEqual({ job: id, tookMs, left: 7 });
        expect(parseKillNote(`late.${id}.${tookMs}.*`)).toEqual({ job: id, tookMs, left: null });
      }),
      options,
    );
    expect(parseHookLine("probe")).toEqual({ kind: "probe" });
  });
});

describe("other input", () => {
  /** Whatever comes out is within the bounds that the budget relies on. */
  function expectBounded(share: ReturnType<typeof parseMark>): void {
    if (share === null) return;
    expect(Number.isInteger(share.job) && share.job >= 1 && share.job <= 4_294_967_295).toBe(true);
    expect(Number.isInteger(share.cpus) && share.cpus >= 0 && share.cpus <= 65_536).toBe(true);
    if (share.gpus !== "all")
      expect(share.gpus.every((gpu) => Number.isInteger(gpu) && gpu >= 0 && gpu < 64)).toBe(true);
  }

  test("never throws, and accepted values are bounded", () => {
    const begin = fc.tuple(noise, noise, noise).map((parts) => `begin ${parts.join(" ")}`);
    fc.assert(
      fc.property(fc.oneof(noise, begin), (text) => {
        const line = parseHookLine(text);
        if (line?.kind === "begin") expectBounded(line.job);
        expectBounded(parseMark(text));
        parseKillNote(text);
      }),
      options,
    );
  });

  test("is refused if begin has another separator anywhere", () => {
    const good = fc.tuple(job, cpus, gpus, answerMs, startNs);
    const separators = fc.constantFrom("", "  ", "\t", "\n", " +", " 0x", " -");
    fc.assert(
      fc.property(good, separators, fc.nat(4), ([id, count, list, waits, start], wrong, at) => {
        const words = ["begin", id, count, list.text, waits, start].map(String);
        const text = words
          .map((word, index) => (index === at ? word + wrong : `${word} `))
          .join("");
        expect(parseHookLine(text.trim())).toBeNull();
      }),
      options,
    );
  });

  test.each([
    "begin 0 1 - 80 1",
    "begin 4294967296 1 - 80 1",
    "begin 1 65537 - 80 1",
    "begin 1 1 64 80 1",
    "begin 1 1 0, 80 1",
    "begin 1 1 ,0 80 1",
    "begin 1 1 *,0 80 1",
    "begin 1 1 -- 80 1",
    "begin 1 1 - 80",
    "begin 1 1 - 80 1 ",
    "begin 1 1 - 80 1\r",
    "begin 1 -1 - 80 1",
    "end 0",
    "end 1 ",
    "END 1",
    "probe ",
    "",
  ])("is refused: %p", (line) => {
    expect(parseHookLine(line)).toBeNull();
  });
});
