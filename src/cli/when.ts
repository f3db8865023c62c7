// Formats times and durations as Slurm does.

/** Formats as Slurm does, in local time: `YYYY-MM-DDTHH:MM:SS`, or `Unknown` for null. */
export function formatWhen(ms: number | null): string {
  if (ms === null) return "Unknown";
  const date = new Date(ms);
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join("-");
  return `${day}T${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** Formats as squeue does: `M:SS`, `H:MM:SS` or `D-HH:MM:SS`, rounded down. */
export function formatSpan(ms: number): string {
  const { days, hours, minutes, seconds } = split(ms);
  if (days > 0) return `${days}-${pad(hours)}:${pad(minutes)}:${pad(seconds)}`;
  if (hours > 0) return `${hours}:${pad(minutes)}:${pad(seconds)}`;
  return `${minutes}:${pad(seconds)}`;
}

/** Formats as sacct does: `HH:MM:SS` or `D-HH:MM:SS`, rounded down. */
export function formatClock(ms: number): string {
  const { days, hours, minutes, seconds } = split(ms);
  const clock = `${pad(hours)}:${pad(minutes)}:${pad(seconds)}`;
  return days > 0 ? `${days}-${clock}` : clock;
}

/** Formats as sacct does, with milliseconds, since most functions take less than a second. */
export function formatElapsed(ms: number): string {
  const { days, hours, minutes, seconds } = split(ms);
  const milliseconds = String(Math.max(0, ms) % 1_000).padStart(3, "0");
  const clock = `${pad(hours)}:${pad(minutes)}:${pad(seconds)}.${milliseconds}`;
  return days > 0 ? `${days}-${clock}` : clock;
}

function split(ms: number): { days: number; hours: number; minutes: number; seconds: number } {
  const total = Math.floor(Math.max(0, ms) / 1_000);
  return {
    days: Math.floor(total / 86_400),
    hours: Math.floor(total / 3_600) % 24,
    minutes: Math.floor(total / 60) % 60,
    seconds: total % 60,
  };
}

const pad = (value: number): string => String(value).padStart(2, "0");
