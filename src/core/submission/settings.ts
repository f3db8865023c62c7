// Admits the settings of a function's new version: checks them against the site's limits and fills
// in its defaults, which the version keeps.

import { GleanerError } from "../../model/errors.js";
import type { FunctionSettings, RequestedSettings } from "../../model/functions/settings.js";
import type { ResourceRequest } from "../../model/resources.js";
import { type AdmissionPolicy, requireRunnable, whyTooLarge } from "./admission.js";

export type SettingsPolicy = Pick<
  AdmissionPolicy,
  | "defaultMemoryPerCoreMb"
  | "defaultTimeLimitMs"
  | "maxTimeLimitMs"
  | "longestInPilotMs"
  | "maxEnvironmentBytes"
  | "allowRootFunctions"
  | "onlyUser"
>;

/**
 * Rejects, in one sentence each, settings with which no call could ever run. While Slurm has not
 * been read, `largest` is null and sizes are not checked.
 */
export function admitSettings(
  requested: RequestedSettings,
  uid: number,
  largest: ResourceRequest | null,
  policy: SettingsPolicy,
): FunctionSettings {
  requireRunnable(uid, policy);
  const settings: FunctionSettings = {
    ...requested,
    memoryMb: requested.memoryMb ?? requested.cores * policy.defaultMemoryPerCoreMb,
    timeLimitMs: requested.timeLimitMs ?? policy.defaultTimeLimitMs,
  };
  const problem =
    whyTooLarge(settings, largest, policy) ??
    whyNotForRuntime(settings) ??
    whyBadText(settings, policy.maxEnvironmentBytes);
  if (problem !== null) throw new GleanerError("BAD_REQUEST", problem);
  return settings;
}

function whyNotForRuntime({ runtime, concurrency, python, fork }: FunctionSettings): string | null {
  if (concurrency > 1 && (runtime === "exec" || runtime === "native"))
    return `a worker of the runtime ${runtime} runs one call at a time: omit --concurrency`;
  if (runtime === "python") return null;
  if (python !== null) return `--python is for the runtime python, not for ${runtime}: omit it`;
  return fork ? null : `--no-fork is for the runtime python, not for ${runtime}: omit it`;
}

function whyBadText(
  { handler, setup, environment }: FunctionSettings,
  maxEnvironmentBytes: number,
): string | null {
  const variables = Object.entries(environment);
  if ([handler ?? "", setup ?? "", ...variables.flat()].some((text) => text.includes("\0")))
    return "the handler, the setup or a variable contains a NUL byte: remove it";
  const odd = variables.find(([name]) => name === "" || name.includes("="));
  if (odd !== undefined)
    return `the environment has a variable with the name "${odd[0]}": a name is not empty and has no equals sign`;
  const bytes = variables.flat().reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
  return bytes > maxEnvironmentBytes
    ? `the environment is larger than ${maxEnvironmentBytes} bytes: put data into a file of the function`
    : null;
}
