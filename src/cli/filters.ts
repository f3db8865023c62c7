// Options that several listings share: users, states, periods.

import { nowMs } from "../clock.js";
import { GleanerError } from "../model/errors.js";
import { type InvocationState, invocationTransitions } from "../model/invocation.js";
import { userShape } from "../model/user.js";
import type { Period } from "../sdk/index.js";
import { quoted } from "./values.js";
import { parseWhen } from "./when.js";

/** Slurm's short codes, as squeue's ST column has them. */
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

/** `PD,R`, `pending` or `all`, in Slurm's long or short names. */
export function parseStates(text: string, where: string): InvocationState[] {
  if (text.toLowerCase() === "all") return allStates;
  const states = text.split(",").map((each) => {
    const word = each.trim().toUpperCase();
    const state = allStates.find((known) => known === word || stateCodes[known] === word);
    if (state === undefined)
      throw new GleanerError(
        "BAD_REQUEST",
        `${where}: ${quoted(each)} is no state: write ${allStates.join(", ")} or a short code like PD`,
      );
    return state;
  });
  return [...new Set(states)];
}

/** One user's name or uid from -u or --me; nothing for everybody. */
export function chosenUser(options: { user?: string; me?: boolean }): { user?: string } {
  // The uid, as munge tells it: a name is only a label, and some users have none.
  if (options.me) return { user: String(process.geteuid!()) };
  if (options.user === undefined) return {};
  if (!userShape.test(options.user))
    throw new GleanerError(
      "BAD_REQUEST",
      `-u: ${quoted(options.user)} is no user: give a name or a uid`,
    );
  return { user: options.user };
}

/** -S and -E; what is not given is left out, or taken from `defaultFromMs`. */
export function chosenPeriod(
  options: { starttime?: string; endtime?: string },
  defaultFromMs?: number,
): Period {
  const now = nowMs();
  const fromMs =
    options.starttime === undefined ? defaultFromMs : parseWhen(options.starttime, "-S", now);
  const toMs = options.endtime === undefined ? undefined : parseWhen(options.endtime, "-E", now);
  if ((fromMs ?? 0) >= (toMs ?? Number.POSITIVE_INFINITY))
    throw new GleanerError("BAD_REQUEST", "the period ends before it starts: check -S and -E");
  return { ...(fromMs !== undefined && { fromMs }), ...(toMs !== undefined && { toMs }) };
}
