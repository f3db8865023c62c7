// Amounts of memory as Slurm prints them: in the largest unit that keeps them whole, or in the one
// that was asked for.

import { GleanerError } from "../../model/errors.js";
import { quoted } from "../values.js";

const units = ["K", "M", "G", "T", "P"] as const;
type Unit = (typeof units)[number];

export interface Units {
  /** null: the largest that keeps an amount whole. */
  readonly unit: Unit | null;
  /** Whether amounts stay as they were given. */
  readonly asGiven: boolean;
}

export const wholeUnits: Units = { unit: null, asGiven: false };

/** Reads `--units` and `--noconvert`. */
export function readUnits(unit: string | undefined, noConvert: boolean): Units {
  const upper = unit?.toUpperCase();
  const found = units.find((each) => each === upper);
  if (upper !== undefined && found === undefined)
    throw new GleanerError("BAD_REQUEST", `--units: invalid unit ${quoted(upper)}: expected KMGTP`);
  return { unit: found ?? null, asGiven: noConvert };
}

/** An amount in megabytes. */
export function memoryText(megabytes: number, { unit, asGiven }: Units = wholeUnits): string {
  if (asGiven) return `${megabytes}M`;
  if (unit !== null) {
    const value = megabytes * 1_024 ** (units.indexOf("M") - units.indexOf(unit));
    return `${Number.isInteger(value) ? value : value.toFixed(2)}${unit}`;
  }
  let at = units.indexOf("M");
  let value = megabytes;
  for (; value >= 1_024 && value % 1_024 === 0 && at < units.length - 1; at++) value /= 1_024;
  return `${value}${units[at]}`;
}
