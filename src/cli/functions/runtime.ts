// The settings of a function with its runtime, as it was said or as its files suggest.

import type { SourceEntry } from "../../bundle/pack.js";
import type { RequestedSettings } from "../../model/functions/settings.js";
import { complain } from "../output.js";
import { guessRuntime } from "./guess.js";
import type { DeploySettings } from "./options.js";

export function settingsOf(
  { runtime, settings }: DeploySettings,
  entries: readonly SourceEntry[],
): RequestedSettings {
  if (runtime !== null) return { ...settings, runtime };
  const guess = guessRuntime(entries, settings.handler);
  complain(`note: the runtime is ${guess.runtime}, because of ${guess.because}`);
  return { ...settings, runtime: guess.runtime };
}
