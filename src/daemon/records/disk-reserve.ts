// The room that is kept on the database's disk: results of what was accepted need it, so submissions are refused before.

import type { StatsFs } from "node:fs";
import { statfs } from "node:fs/promises";
import { Interval } from "../../limits/rate-limit.js";
import { GleanerError } from "../../model/errors.js";

const mebibyte = 1024 * 1024;
/** Between two looks at the disk; what is submitted meanwhile is a fraction of the reserve. */
const lookMs = 1_000;

export class DiskReserve {
  private readonly looks = new Interval(lookMs);
  private lastFreeMb = Number.POSITIVE_INFINITY;

  constructor(
    private readonly directory: string,
    private readonly reserveMb: number,
    private readonly statOf: (
      path: string,
    ) => Promise<Pick<StatsFs, "bavail" | "bsize" | "blocks">> = statfs,
  ) {}

  /** What a user without privileges may write there; Infinity: the file system does not say. */
  async freeMb(): Promise<number> {
    try {
      const { bavail, bsize, blocks } = await this.statOf(this.directory);
      return blocks === 0 ? Number.POSITIVE_INFINITY : Math.floor((bavail * bsize) / mebibyte);
    } catch {
      // Whoever writes next says what is wrong with it.
      return Number.POSITIVE_INFINITY;
    }
  }

  /** Why nothing is accepted now, with what an operator can do; null: there is room. */
  async problem(): Promise<string | null> {
    if (this.looks.passes()) this.lastFreeMb = await this.freeMb();
    if (this.lastFreeMb >= this.reserveMb) return null;
    return `the disk of gleanerd's database has ${this.lastFreeMb} MB free and ${this.reserveMb} MB are kept for results (store.reserveMb): make room on the file system of stateDirectory`;
  }

  /** Throws LIMIT_REACHED while the reserve is touched. */
  async require(): Promise<void> {
    const problem = await this.problem();
    if (problem !== null)
      throw new GleanerError("LIMIT_REACHED", `${problem}, or ask an operator to do so`);
  }
}
