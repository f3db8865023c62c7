// Parses the value of --signal as sbatch does: [B:]SIGNAL[@SECONDS].

import { constants } from "node:os";
import { GleanerError } from "../../../model/errors.js";
import type { RequestedNotice } from "../../../model/invocation.js";
import { parseDuration, quoted, signalNumber } from "../../values.js";

/** sbatch's limit. */
const maxLeadSeconds = 65_535;

/**
 * Reads `USR1@60`, `B:TERM`, `10@500ms` or `@30`. The signal defaults to SIGTERM; `R:` is ignored,
 * since Gleaner announces reservations anyway.
 */
export function parseNotice(text: string, where: string): RequestedNotice {
  const match = /^(?:([BR]{1,2}):)?([A-Za-z0-9+-]{0,12})(?:@(\w{1,12}))?$/i.exec(text);
  if (match === null || text === "")
    throw new GleanerError(
      "BAD_REQUEST",
      `${where}: invalid value ${quoted(text)}: expected [B:]SIGNAL[@SECONDS], such as TERM@30, B:USR1@60 or USR1@500ms`,
    );
  const [, flags, name, lead] = match;
  return {
    signal: signalOf(name || "TERM", where),
    leadMs: lead === undefined ? null : leadOf(lead, where),
    mainOnly: /b/i.test(flags ?? ""),
  };
}

function signalOf(name: string, where: string): number {
  const number = signalNumber(name);
  if (number === null)
    throw new GleanerError(
      "BAD_REQUEST",
      `${where}: invalid signal ${quoted(name)}: expected TERM, USR1, INT or a number from 1 to 64`,
    );
  if (number === constants.signals.SIGKILL || number === constants.signals.SIGSTOP)
    throw new GleanerError(
      "BAD_REQUEST",
      `${where}: a process cannot catch signal ${quoted(name)}: write TERM or USR1`,
    );
  return number;
}

/** Reads seconds, as sbatch does, or a number with ms, s, m or h. */
function leadOf(text: string, where: string): number {
  if (!/^\d+$/.test(text)) return parseDuration(text, where);
  const seconds = Number(text);
  if (seconds > maxLeadSeconds)
    throw new GleanerError(
      "BAD_REQUEST",
      `${where}: invalid value ${quoted(text)}: expected at most ${maxLeadSeconds} s, as for sbatch`,
    );
  return seconds * 1_000;
}
