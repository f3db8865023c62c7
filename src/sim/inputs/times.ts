// Reads the times of records: seconds or milliseconds since the epoch, and dates as UTC or with
// their zone.

/** 2000-01-01 and 2100-01-01: a smaller number is not a time, a larger one counts milliseconds. */
const leastMs = 946_684_800_000;
const mostMs = 4_102_444_800_000;

/** `2026-01-01`, `2026-01-01T20:42`, `2026-01-01 20:42:19.5+01:00`. */
const date =
  /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?$/i;

/**
 * Returns ms since the epoch, or null for anything that is not a moment from `fromMs` (if omitted,
 * from 2000) to 2100.
 */
export function readTimeMs(text: string, fromMs = leastMs): number | null {
  const isNumber = /^\d{1,15}(?:[.,]\d{1,9})?$/.test(text);
  const ms = isNumber ? ofNumber(Number(text.replace(",", "."))) : ofDate(text);
  return ms === null || ms < fromMs || ms > mostMs ? null : ms;
}

const ofNumber = (value: number): number =>
  Math.round(value * 1_000 > mostMs ? value : value * 1_000);

function ofDate(text: string): number | null {
  if (!date.test(text)) return null;
  const [day, rest] = [text.slice(0, 10), text.slice(11)];
  // Date.parse makes 2 March of 30 February.
  if (new Date(`${day}T00:00Z`).getUTCDate() !== Number(day.slice(8))) return null;
  const clock = rest
    .replace(",", ".")
    .replace(/ ?UTC$/i, "Z")
    .replace(" ", "");
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/i.test(clock) ? clock : `${clock || "00:00"}Z`;
  const parsed = Date.parse(`${day}T${zoned.replace(/([+-]\d\d)(\d\d)$/, "$1:$2")}`);
  return Number.isNaN(parsed) ? null : parsed;
}

/** `10-13:27:06`, `00:00:24`, `27:06.5` or plain seconds, in ms; null for anything else. */
export function readElapsedMs(text: string): number | null {
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000;
  const match = /^(?:(\d{1,5})-)?(?:(\d{1,2}):)?(\d{1,2}):(\d{1,2})(?:\.\d+)?$/.exec(text);
  if (match === null) return null;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000;
}
