// The reserve on the database's disk: results of accepted work need it, so submissions are refused
// before it is used.

import type { StatsFs } from "node:fs";
import { statfs } from "node:fs/promises";
import { Interval } from "../../limits/rate-limit.js";
import { GleanerError } from "../../model/errors.js";

const mebibyte = 1024 * 1024;
/**
 * The time between two checks of the disk; submissions meanwhile take a fraction of the reserve.
 */
const lookMs = 1_000;

/** Reads how full the file system of a path is. */
export type StatDisk = (path: string) => Promise<Pick<StatsFs, "bavail" | "bsize" | "blocks">>;

export class DiskReserve {
  private readonly looks = new Interval(lookMs);
  private lastFreeMb = Number.POSITIVE_INFINITY;

  constructor(
    private readonly directory: string,
    private readonly reserveMb: number,
    private readonly statOf: StatDisk = statfs,
  ) {}

  /** What an unprivileged user may write there; Infinity if the file system does not report it. */
  async freeMb(): Promise<number> {
    try {
      const { bavail, bsize, blocks } = await this.statOf(this.directory);
      return blocks === 0 ? Number.POSITIVE_INFINITY : Math.floor((bavail * bsize) / mebibyte);
    } catch {
      // The next write reports the problem.
      return Number.POSITIVE_INFINITY;
    }
  }

  /** Why nothing is accepted at present, with what an operator can do; null if there is space. */
  async problem(): Promise<string | null> {
    if (this.looks.passes()) this.lastFreeMb = await this.freeMb();
    if (this.lastFreeMb >= this.reserveMb) return null;
    return `the disk of gleanerd's database has only ${this.lastFreeMb} MB free, and ${this.reserveMb} MB are reserved for results (store.reserveMb): free some space on the file system of stateDirectory`;
  }

  /** Throws LIMIT_REACHED if a content of this size would use the reserve. */
  async requireRoom(bytes: number): Promise<void> {
    const freeMb = await this.freeMb();
    if (freeMb - bytes / mebibyte < this.reserveMb)
      throw new GleanerError(
        "LIMIT_REACHED",
        `gleanerd's disk has only ${freeMb} MB free, and ${this.reserveMb} MB are reserved for results (store.reserveMb): ask an operator to free space on the file system of stateDirectory`,
      );
  }

  /** Throws LIMIT_REACHED while the reserve is in use. */
  async require(): Promise<void> {
    const problem = await this.problem();
    if (problem !== null)
      throw new GleanerError("LIMIT_REACHED", `${problem}, or ask an operator to do so`);
  }
}
