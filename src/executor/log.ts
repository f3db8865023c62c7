// The executor's log: one JSON object per line, in one file that is rotated once when it is full.

import { appendFileSync, renameSync, statSync } from "node:fs";
import { nowMs } from "../clock.js";

/** At most two such files per node: months of normal operation. */
const maxLogBytes = 4 * 1024 * 1024;

export type Log = (event: string, details?: Readonly<Record<string, unknown>>) => void;

/** Write errors are ignored: an unwritable log must not end the running functions. */
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
