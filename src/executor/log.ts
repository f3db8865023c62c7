// The executor's log: one JSON object a line, in one file that is turned once when it is full.

import { appendFileSync, renameSync, statSync } from "node:fs";
import { nowMs } from "../clock.js";

/** Two such files a node at most: months of normal days. */
const maxLogBytes = 4 * 1024 * 1024;

export type Log = (event: string, details?: Readonly<Record<string, unknown>>) => void;

/** A log that cannot be written is given up in silence: it must not end the functions that run. */
export function openLog(file: string, about: Readonly<Record<string, unknown>>): Log {
  let bytes = sizeOf(file);
  return (event, details = {}) => {
    const line = `${JSON.stringify({ at: new Date(nowMs()).toISOString(), ...about, event, ...details })}\n`;
    try {
      if (bytes + line.length > maxLogBytes) {
        renameSync(file, `${file}.1`);
        bytes = 0;
      }
      appendFileSync(file, line, { mode: 0o600 });
      bytes += line.length;
    } catch {
      // The disk is full or the folder is gone.
    }
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
