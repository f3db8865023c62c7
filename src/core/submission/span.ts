// Lengths of time as people write them after --time.

/** `3:00:00`, `1-00:00:00`; with a fraction of a second, in milliseconds. */
export function spanText(ms: number): string {
  if (ms % 1_000 !== 0) return `${ms} ms`;
  const pad = (count: number): string => String(count).padStart(2, "0");
  const seconds = ms / 1_000;
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24];
  const clock = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  return days > 0 ? `${days}-${pad(hours)}:${clock}` : `${hours}:${clock}`;
}
