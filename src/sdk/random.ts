// Random bytes from the kernel: loading node:crypto would take a tenth of glean's start.

import { closeSync, openSync, readSync } from "node:fs";

/** `count` random bytes, suitable for secrets, as hexadecimal digits. */
export function randomHex(count: number): string {
  const file = openSync("/dev/urandom", "r");
  try {
    const bytes = Buffer.alloc(count);
    // The kernel returns up to 256 bytes at once.
    readSync(file, bytes, 0, count, null);
    return bytes.toString("hex");
  } finally {
    closeSync(file);
  }
}

/** A version 4 UUID. */
export function randomUuid(): string {
  const digits = randomHex(16);
  const variant = ((Number.parseInt(digits.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20),
  ].join("-");
}
