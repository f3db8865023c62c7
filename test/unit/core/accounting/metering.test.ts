// What attempts are charged: exact, each core-millisecond once, leases by what they did.

import { describe, expect, test } from "@jest/globals";
import {
  chargesOf,
  hotMsOf,
  isCharged,
  postingsOf,
  priceMicroCredits,
} from "../../../../src/core/accounting/metering.js";
import { invocationId } from "../../../../src/model/ids.js";
import { sampleRates } from "../../../support/store/samples.js";

describe("metering", () => {
  const rate = { microCreditsPerCoreSecond: 278, microCreditsPerGbSecond: 28 };
  const own = { invocation: invocationId(7), attempt: 2, uid: 1_000, user: "ann" };
  const command = { shareMs: null, cpuMs: 1, hotMs: null };
  test("is exact in integers, rounded down, however large", () => {
    const price = (cores: number, memoryMb: number, wallMs: number, at = rate) =>
      priceMicroCredits(chargesOf({ cores, memoryMb, wallMs, ...command })[0]!, at);
    expect(price(2, 1_024, 1_500)).toBe(834 + 42);
    expect(price(1, 0, 3)).toBe(0);
    const cheap = { ...rate, microCreditsPerCoreSecond: 2 };
    expect(price(100_000, 0, 31_536_000_000, cheap)).toBe(6_307_200_000_000);
    // Beyond what a number holds exactly it is the largest that one does.
    const dear = { ...rate, microCreditsPerCoreSecond: 1_000_000_000 };
    expect(price(100_000, 0, 2 ** 45, dear)).toBe(Number.MAX_SAFE_INTEGER);
  });
  test("records in a posting what it was calculated from", () => {
    const measured = { cores: 2, memoryMb: 10, wallMs: 5, ...command };
    const used = { coreMs: 10, memoryMbMs: 50, amountMicroCredits: 2 };
    const kind = "execution";
    expect(postingsOf(own, measured, sampleRates, 99)).toEqual([
      { ...own, kind, ...used, rate, postedAtMs: 99 },
    ]);
  });
  test("charges a call that shared its worker for its part of the time", () => {
    const measured = { cores: 2, memoryMb: 10, wallMs: 100, ...command, shareMs: 25 };
    expect(chargesOf(measured)).toEqual([{ kind: "execution", coreMs: 50, memoryMbMs: 250 }]);
  });
  test("charges a lease each core-millisecond once, by what it was", () => {
    const held = { cores: 2, memoryMb: 10, wallMs: 100, shareMs: null };
    const charged = (cpuMs: number, terms: number) => {
      const hotMs = hotMsOf({ hotMs: terms }, { ...held, cpuMs });
      const charges = chargesOf({ ...held, cpuMs, hotMs });
      expect(charges.reduce((sum, { memoryMbMs }) => sum + memoryMbMs, 0)).toBe(1_000);
      return charges.map(({ kind, coreMs }) => `${kind} ${coreMs}`).join(", ");
    };
    expect(charged(30, 0)).toBe("execution 30, held 170");
    expect(charged(0, -1)).toBe("execution 0, held 200");
    // One core can spin: what is used beyond it was used by calls.
    expect(charged(30, -1)).toBe("execution 0, held 170, hot 30");
    expect(charged(150, -1)).toBe("execution 50, held 50, hot 100");
    expect(charged(900, 0)).toBe("execution 200, held 0");
  });
  test("gives a lease the prices of the site, and charges it until its eviction", () => {
    const leases = { ...sampleRates.leases, hotMicroCreditsPerCoreSecond: 1_000 };
    const measured = {
      cores: 1,
      memoryMb: 0,
      wallMs: 3_000,
      shareMs: null,
      cpuMs: 1_000,
      hotMs: 1_000,
    };
    const amounts = (of: typeof measured | { readonly hotMs: null }) =>
      postingsOf(own, { ...measured, ...of }, { ...sampleRates, leases }, 99).map(
        ({ kind, amountMicroCredits }) => [kind, amountMicroCredits],
      );
    expect(amounts(measured)).toEqual([
      ["execution", 0],
      ["held", 556],
      ["hot", 1_000],
    ]);
    expect(amounts({ hotMs: null })).toEqual([["execution", 834]]);
    expect(isCharged("EVICTED", measured)).toBe(true);
    expect(isCharged("EVICTED", { ...measured, wallMs: 0 })).toBe(false);
    expect(isCharged("EVICTED", { ...measured, hotMs: null })).toBe(false);
    expect(isCharged("LOST", measured)).toBe(false);
  });
});
