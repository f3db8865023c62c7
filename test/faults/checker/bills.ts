// The books of bills: what each attempt costs, computed once more, against the ledger.

import type { AttemptResult } from "../../../src/core/ports/store.js";
import type { AttemptEnd } from "../../../src/model/invocation.js";
import type { Disk } from "../site/disk.js";

/** The site's prices, in micro-credits for a core-second and for a GB-second. */
const corePrice = 278n;
const gbPrice = 28n;
/** Those of a core-second in a lease. */
export const leasePrices = {
  executionMicroCreditsPerCoreSecond: 300,
  heldMicroCreditsPerCoreSecond: 100,
  hotMicroCreditsPerCoreSecond: 500,
};

const billed: ReadonlySet<AttemptEnd> = new Set([
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "TIMEOUT",
  "OUT_OF_MEMORY",
]);

/** What was asked for. */
interface Held {
  readonly user: string;
  readonly cores: number;
  readonly memoryMb: number;
  /** Its lease's; null if it is none. */
  readonly hotMs: number | null;
}

export class BillBook {
  private attempts = 0;
  private postings = 0;
  private microCredits = 0n;
  private readonly coreMs = new Map<string, number>();

  constructor(private readonly demand: (holds: boolean, sentence: string) => void) {}

  /** An end is on record. Returns whether it is billed. */
  recorded(name: string, held: Held, result: AttemptResult): boolean {
    const { end, cpuMs, postings } = result;
    const wallMs = result.shareMs ?? result.wallMs;
    const isEvictedLease = end === "EVICTED" && held.hotMs !== null && wallMs > 0;
    const isBilled = billed.has(end) || isEvictedLease;
    const prices = isBilled ? pricesOf({ ...held, wallMs, cpuMs }) : [];
    this.demand(prices.length === postings.length, `${name}, ${end}, is billed wrongly`);
    if (!isBilled) return false;
    const { user, cores } = held;
    this.attempts++;
    this.postings += prices.length;
    this.coreMs.set(user, (this.coreMs.get(user) ?? 0) + cores * wallMs);
    for (const price of prices) this.microCredits += price;
    return true;
  }

  /** When all is quiet. */
  close({ reads }: Disk): void {
    const check = reads.verifyLedger();
    this.demand(check.balanced, `the ledger does not balance: ${check.differences.join("; ")}`);
    this.demand(
      BigInt(check.ledgerMicroCredits) === this.microCredits,
      `the ledger has ${check.ledgerMicroCredits} micro-credits, used were ${this.microCredits}`,
    );
    this.demand(check.attempts === this.attempts, `${check.attempts} billed attempts`);
    this.demand(check.postings === this.postings, `${check.postings} postings`);
    for (const { user, coreMs } of reads.bill({}))
      this.demand(
        coreMs === this.coreMs.get(user),
        `${user} is billed ${coreMs} core-ms and used ${this.coreMs.get(user)}`,
      );
  }
}

type Priced = Omit<Held, "user"> & Pick<AttemptResult, "wallMs" | "cpuMs">;

/** The price of each of its postings. */
function pricesOf({ cores, memoryMb, wallMs, cpuMs, hotMs }: Priced): readonly bigint[] {
  const core = (ms: number, price: bigint | number) => (BigInt(ms) * BigInt(price)) / 1_000n;
  const memory = (BigInt(memoryMb * wallMs) * gbPrice) / 1_024_000n;
  if (hotMs === null) return [core(cores * wallMs, corePrice) + memory];
  const hot = hotMs === 0 ? 0 : Math.min(cpuMs, wallMs);
  const idle = cores * wallMs - cpuMs;
  const isHeld = idle > 0 || memoryMb * wallMs > 0;
  return [
    core(cpuMs - hot, leasePrices.executionMicroCreditsPerCoreSecond),
    ...(isHeld ? [core(idle, leasePrices.heldMicroCreditsPerCoreSecond) + memory] : []),
    ...(hot > 0 ? [core(hot, leasePrices.hotMicroCreditsPerCoreSecond)] : []),
  ];
}
