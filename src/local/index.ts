// Runs a function on this machine as in a hole: unpacks its bundle, starts the runtime's program
// with the function's environment and limits, and calls it once.

import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { removeUnpacked, unpackBundle } from "../bundle/unpack.js";
import { callEnvironment } from "../core/submission/environment.js";
import { nodeName } from "../model/ids.js";
import { afterSetup, runtimeCommand } from "../workers/runtime-command.js";
import type { LocalCall, LocalEnd, LocalEvents } from "./call.js";
import { inspected, inspectorAdvice } from "./inspecting.js";
import { LocalWorker } from "./local-worker.js";
import { openMemoryLimit } from "./memory-limit.js";
import { linkOwnFiles } from "./own-files.js";
import { WorkerProcess } from "./worker-process.js";

export type { LocalCall, LocalEnd, LocalEvents } from "./call.js";

/** Resolves once no process and no file of it is left. */
export async function runLocally(call: LocalCall, events: LocalEvents): Promise<LocalEnd> {
  const folder = mkdtempSync(join(tmpdir(), "glean-function-"));
  const directory = join(folder, "code");
  try {
    await unpackBundle(call.bundle, directory, call.version);
    if (call.inspect && call.ownFiles !== undefined) await linkOwnFiles(directory, call.ownFiles);
    return await runIn(directory, call, events);
  } finally {
    await removeUnpacked(directory);
    rmSync(folder, { recursive: true });
  }
}

async function runIn(directory: string, call: LocalCall, events: LocalEvents): Promise<LocalEnd> {
  const { settings, called, version } = call;
  const environment = {
    ...userVariables(),
    ...callEnvironment(settings, { function: called, version, settings }, nodeName(hostname())),
  };
  const words = runtimeCommand(call.programs, { ...settings, image: null });
  if (settings.image !== null)
    events.onNote(`the code runs outside of the image ${settings.image}, which only nodes use`);
  const debugged = call.inspect
    ? await inspected(settings, words, { directory, environment })
    : null;
  if (debugged !== null && debugged.advice !== null) events.onNote(debugged.advice);
  if (debugged !== null && !debugged.hasTerminal && call.ownFiles === undefined)
    events.onNote(
      `breakpoints of an editor are found if it maps your folder of the code to ${directory}`,
    );
  const advise = adviser(debugged !== null && debugged.advice === null, events);
  const memory = openMemoryLimit(settings.memoryMb, `glean-test-${process.pid}`);
  if (memory === null)
    events.onNote(
      `the memory limit of ${settings.memoryMb} MB is not enforced: you may make no cgroup on this machine`,
    );
  try {
    const worker = await WorkerProcess.start({
      argv: afterSetup(debugged?.argv ?? words, settings),
      directory,
      environment,
      hasTerminal: debugged?.hasTerminal ?? false,
      onOutput: (bytes) => {
        advise(bytes);
        events.onOutput(bytes);
      },
    });
    memory?.add(worker.pid);
    return await new LocalWorker(call, directory, worker, memory, events).run();
  } finally {
    await memory?.remove();
  }
}

/** What a worker on a node knows of its user. */
function userVariables(): Readonly<Record<string, string>> {
  const { homedir, username, shell } = userInfo();
  return { HOME: homedir, USER: username, LOGNAME: username, SHELL: shell ?? "/bin/sh" };
}

/** Waits for the line in which node's inspector says where it listens. */
function adviser(waits: boolean, { onNote }: LocalEvents): (output: Buffer) => void {
  let seen = waits ? "" : null;
  return (output) => {
    if (seen === null) return;
    seen += output.toString("latin1");
    const advice = inspectorAdvice(seen);
    if (advice === null) return;
    seen = null;
    onNote(advice);
  };
}
