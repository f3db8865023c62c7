// Converts Slurm's times and durations to milliseconds.

/**
 * Reads a time in Slurm's format %s (seconds since the epoch, independent of time zones) as
 * milliseconds; null for `N/A`, `NONE`, `Unknown` and other text.
 */
export function readTimeMs(text: string): number | null {
  return /^[1-9]\d{0,11}$/.test(text) ? Number(text) * 1_000 : null;
}

/**
 * Reads a duration (`1-02:03:04`, `02:03:04`, `30:00`, or `90` minutes) as milliseconds; null for
 * `UNLIMITED`, `NOT_SET` and other text.
 */
export function readDurationMs(text: string): number | null {
  const match = /^(?:(\d{1,6})-)?(\d{1,9})(?::(\d{1,2}))?(?::(\d{1,2}))?$/.exec(text);
  if (!match) return null;
  const [first, second, third] = [match[2], match[3], match[4]].map((part) =>
    part === undefined ? null : Number(part),
  ) as [number, number | null, number | null];
  if (match[1] !== undefined) return seconds(Number(match[1]), first, second ?? 0, third ?? 0);
  if (third !== null) return seconds(0, first, second!, third);
  return seconds(0, 0, first, second ?? 0);
}

const seconds = (days: number, hours: number, minutes: number, rest: number): number =>
  (((days * 24 + hours) * 60 + minutes) * 60 + rest) * 1_000;
