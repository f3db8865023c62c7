// Options shared by several listings: users, states, periods.

import { nowMs } from "../clock.js";
import { GleanerError } from "../model/errors.js";
import { type InvocationState, invocationTransitions } from "../model/invocation.js";
import { userShape } from "../model/user.js";
import type { Period } from "../sdk/index.js";
import { quoted } from "./values.js";
import { parseWhen } from "./when.js";

/** Slurm's short codes, as in squeue's ST column. */
export const stateCodes: Readonly<Record<InvocationState, string>> = {
  PENDING: "PD",
  RUNNING: "R",
  COMPLETED: "CD",
  FAILED: "F",
  CANCELLED: "CA",
  TIMEOUT: "TO",
  OUT_OF_MEMORY: "OOM",
};

const allStates = Object.keys(invocationTransitions) as InvocationState[];

/** Reads states by Slurm's long or short names: `PD,R`, `pending` or `all`. */
export function parseStates(text: string, where: string): InvocationState[] {
  if (text.toLowerCase() === "all") return allStates;
  const states = text.split(",").map((each) => {
    const word = each.trim().toUpperCase();
    const state = allStates.find((known) => known === word || stateCodes[known] === word);
    if (state === undefined)
      throw new GleanerError(
        "BAD_REQUEST",
        `${where}: invalid state ${quoted(each)}: expected ${allStates.join(", ")} or a short code such as PD`,
      );
    return state;
  });
  return [...new Set(states)];
}

/** Returns the user named by -u or --me; nothing for all users. */
export function chosenUser(options: { user?: string; me?: boolean }): { user?: string } {
  // The uid, which munge conveys: a name is only a label, and some users have none.
  if (options.me) return { user: String(process.geteuid!()) };
  if (options.user === undefined) return {};
  if (!userShape.test(options.user))
    throw new GleanerError(
      "BAD_REQUEST",
      `-u: invalid user ${quoted(options.user)}: expected a name or a uid`,
    );
  return { user: options.user };
}

/** Reads -S and -E. If omitted, the start is `defaultFromMs` and the end is open. */
export function chosenPeriod(
  options: { starttime?: string; endtime?: string },
  defaultFromMs?: number,
): Period {
  const now = nowMs();
  const fromMs =
    options.starttime === undefined ? defaultFromMs : parseWhen(options.starttime, "-S", now);
  const toMs = options.endtime === undefined ? undefined : parseWhen(options.endtime, "-E", now);
  if ((fromMs ?? 0) >= (toMs ?? Number.POSITIVE_INFINITY))
    throw new GleanerError("BAD_REQUEST", "the period ends before it starts: correct -S or -E");
  return { ...(fromMs !== undefined && { fromMs }), ...(toMs !== undefined && { toMs }) };
}
