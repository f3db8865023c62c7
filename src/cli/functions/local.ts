// Runs a function on this machine for a command: what it prints, its end, and Ctrl-C.

import { existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { GleanerError } from "../../model/errors.js";
import type { FunctionSettings, RequestedSettings } from "../../model/functions/settings.js";
import type { VersionId } from "../../model/ids.js";
import { answerText, type PayloadText, payloadOf } from "../../sdk/index.js";
import { showAnswer } from "../calls/answer.js";
import { type Context, exitStatus } from "../context.js";
import { complain, json, print } from "../output.js";

export interface Tested {
  readonly called: string;
  readonly version: VersionId;
  readonly bundle: AsyncIterable<Uint8Array>;
  readonly settings: FunctionSettings;
  readonly input: PayloadText;
}

export interface TestForm {
  readonly inspect?: boolean;
  readonly json?: boolean;
}

/** As shells report a program that Ctrl-C ended. */
const interruptedStatus = 130;
const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export async function runHere(tested: Tested, form: TestForm): Promise<number> {
  const { runLocally } = await import("../../local/index.js");
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  for (const signal of endingSignals) process.on(signal, interrupt);
  const call = {
    ...tested,
    input: payloadOf(tested.input),
    programs: programsFolder(),
    inspect: form.inspect === true,
  };
  const { answer, reason, phases } = await runLocally(call, {
    onOutput: (bytes) => void process.stderr.write(bytes),
    onNote: (sentence) => complain(`note: ${sentence}`),
    signal: interrupted.signal,
  });
  if (interrupted.signal.aborted) return interruptedStatus;
  const shown = answer === null ? null : answerText(answer);
  if (form.json) print(json({ answer: shown, reason, phases }));
  else if (shown === null) complain(`${tested.called}: ${reason}`);
  else showAnswer(tested.called, shown);
  return answer?.kind === "result" ? exitStatus.done : exitStatus.failed;
}

/** They lie beside glean itself, as they lie beside the executor. */
function programsFolder(): string {
  const folder = dirname(realpathSync(process.argv[1]!));
  if (existsSync(`${folder}/glean-runtime-node.cjs`)) return folder;
  throw new GleanerError(
    "CONFIG",
    `the programs of the runtimes (glean-runtime-…) are not beside glean in ${folder}: install glean whole`,
  );
}

/** With the site's defaults, as a deploy fills them in; or Gleaner's own without a site. */
export async function withDefaults(
  context: Context,
  requested: RequestedSettings,
): Promise<FunctionSettings> {
  const { loadConfig, defaultFunctions } = await import("../../config.js");
  let site = defaultFunctions();
  try {
    site = loadConfig(context.configFile).functions;
  } catch (thrown) {
    if (existsSync(context.configFile)) throw thrown;
  }
  return {
    ...requested,
    memoryMb: requested.memoryMb ?? requested.cores * site.defaultMemoryPerCoreMb,
    timeLimitMs: requested.timeLimitMs ?? site.defaultTimeLimitMs,
  };
}
