// The time limits of functions: the site's limit, and in pilots the time that a pilot has.

import type { Config } from "../../config.js";
import { longestWorkMs } from "../../core/capacity/pilots.js";

export interface TimeLimits {
  readonly defaultTimeLimitMs: number;
  readonly maxTimeLimitMs: number;
  /** null if executors are not jobs, so that their time has no limit. */
  readonly longestInPilotMs: number | null;
}

export function timeLimitsOf({
  functions,
  placement,
}: Pick<Config, "functions" | "placement">): TimeLimits {
  const { defaultTimeLimitMs, maxTimeLimitMs } = functions;
  const { launcher, pilot } = placement;
  if (launcher !== "pilot") return { defaultTimeLimitMs, maxTimeLimitMs, longestInPilotMs: null };
  const longestInPilotMs = longestWorkMs(pilot.timeLimitMs);
  return {
    defaultTimeLimitMs: Math.min(defaultTimeLimitMs, longestInPilotMs),
    maxTimeLimitMs,
    longestInPilotMs,
  };
}
