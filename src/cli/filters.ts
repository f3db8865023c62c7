// Options shared by several listings: names, nodes, users, states, periods.

import { nowMs } from "../clock.js";
import { GleanerError } from "../model/errors.js";
import { expandHostList } from "../model/hostlist.js";
import type { Invocation, InvocationState } from "../model/invocation.js";
import { userShape } from "../model/user.js";
import type { Period } from "../sdk/index.js";
import { ownStates, slurmState, slurmStates, stateOf } from "./formats/states.js";
import { parseWhen } from "./parse-when.js";
import { quoted } from "./values.js";

/** The members of a list with commas. As for Slurm, an empty one is none. */
export const membersOf = (text: string): string[] => text.split(",").filter(Boolean);

/** null: no list, so that any name will do. */
export const listOrNone = (text: string | undefined): string[] | null =>
  text === undefined ? null : membersOf(text);

/** The nodes of a host list, `n1,n[3-5]`; null: no list, so that any place will do. */
export const nodesOrNone = (text: string | undefined): ReadonlySet<string | null> | null =>
  text === undefined ? null : new Set(expandHostList(membersOf(text).join(",")));

/** States that were asked for by Slurm's names. */
export interface AskedStates {
  /** The states of gleanerd's that may be one of them, at least one. */
  readonly own: readonly InvocationState[];
  readonly has: (invocation: Pick<Invocation, "state" | "reason">) => boolean;
}

/** Reads states by Slurm's long or short names: `PD,R`, `pending` or `all`. */
export function parseStates(text: string, where: string): AskedStates {
  const words = membersOf(text);
  const names = new Set(
    text.toLowerCase() === "all"
      ? slurmStates
      : (words.length === 0 ? [""] : words).map((each) => {
          const state = slurmState(each.trim());
          if (state === null)
            throw new GleanerError(
              "BAD_REQUEST",
              `${where}: invalid state ${quoted(each)}: expected ${slurmStates.slice(0, 7).join(", ")} or a short code such as PD`,
            );
          return state;
        }),
  );
  const own = [...new Set([...names].flatMap(ownStates))];
  const has = (invocation: Pick<Invocation, "state" | "reason">) => names.has(stateOf(invocation));
  // An invocation is never in a state that only jobs have.
  return { own: own.length === 0 ? ["PENDING"] : own, has };
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
