// Runs a function on this machine for a command: what it prints, its end, and Ctrl-C.

import { existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import type { SourceEntry } from "../../bundle/pack.js";
import type { LocalCall, LocalEnd } from "../../local/call.js";
import { GleanerError } from "../../model/errors.js";
import type { FunctionSettings, RequestedSettings } from "../../model/functions/settings.js";
import type { VersionId } from "../../model/ids.js";
import { answerText, type Content } from "../../sdk/index.js";
import { showAnswer } from "../calls/answer.js";
import { type Context, exitStatus } from "../context.js";
import { complain, json, print } from "../output.js";
import { type Unloadable, unloadable } from "./unloadable.js";

export interface Tested {
  readonly called: string;
  readonly version: VersionId;
  readonly bundle: AsyncIterable<Uint8Array>;
  /** What was packed, if it lies on this machine. */
  readonly ownFiles?: readonly SourceEntry[];
  readonly settings: FunctionSettings;
  readonly input: Content;
}

export interface TestForm {
  readonly inspect?: boolean;
  readonly json?: boolean;
}

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export async function runHere(tested: Tested, form: TestForm): Promise<number> {
  const { contentType, body } = tested.input;
  const { answer, reason, phases, isInterrupted } = await local({
    ...tested,
    input: { contentType, body: typeof body === "string" ? Buffer.from(body) : body },
    inspect: form.inspect === true,
    isCheck: false,
  });
  if (isInterrupted) return exitStatus.interrupted;
  const shown = answer === null ? null : answerText(answer);
  if (form.json) print(json({ answer: shown, reason, phases }));
  else if (shown === null) complain(`${tested.called}: ${reason}`);
  else showAnswer(tested.called, shown);
  return answer?.kind === "result" ? exitStatus.done : exitStatus.failed;
}

/** Loads a handler on this machine; resolves with why it cannot, or null. */
export async function checkHere(tested: Omit<Tested, "input">): Promise<Unloadable | null> {
  const input = { contentType: "", body: new Uint8Array() };
  const call = { ...tested, input, inspect: false, isCheck: true };
  const { answer, reason, isInterrupted } = await local(call);
  if (isInterrupted) process.exit(exitStatus.interrupted);
  return unloadable(answer, reason);
}

async function local(
  call: Omit<LocalCall, "programs">,
): Promise<LocalEnd & { readonly isInterrupted: boolean }> {
  const { runLocally } = await import("../../local/index.js");
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  for (const signal of endingSignals) process.on(signal, interrupt);
  const end = await runLocally(
    { ...call, programs: programsFolder() },
    {
      onOutput: (bytes) => void process.stderr.write(bytes),
      onNote: (sentence) => complain(`note: ${sentence}`),
      signal: interrupted.signal,
    },
  );
  for (const signal of endingSignals) process.removeListener(signal, interrupt);
  return { ...end, isInterrupted: interrupted.signal.aborted };
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
