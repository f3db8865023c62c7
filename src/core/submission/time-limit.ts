// Time limits: as people write them after --time, and when a notice comes before them.

import { leadWithin, type Notice, type RequestedNotice } from "../../model/invocation.js";

/** The default of sbatch's --signal. */
const defaultLeadMs = 60_000;

/** `3:00:00`, `1-00:00:00`; with a fraction of a second, in milliseconds. */
export function spanText(ms: number): string {
  if (ms % 1_000 !== 0) return `${ms} ms`;
  const pad = (count: number): string => String(count).padStart(2, "0");
  const seconds = ms / 1_000;
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24];
  const clock = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  return days > 0 ? `${days}-${pad(hours)}:${clock}` : `${hours}:${clock}`;
}

/** The notice that was asked for, with the lead time that a time limit leaves room for. */
export function noticeWithin(
  asked: RequestedNotice | null | undefined,
  timeLimitMs: number,
): Notice | null {
  if (asked == null) return null;
  const { leadMs } = asked;
  const usualMs = Math.min(defaultLeadMs, Math.floor(timeLimitMs / 2));
  return { ...asked, leadMs: leadMs === null ? usualMs : leadWithin(leadMs, timeLimitMs) };
}
