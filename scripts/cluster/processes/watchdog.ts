// The starter's side of the watchdog: starts the reaper and holds the pipe whose end tells the
// reaper that we are gone.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { GleanerError } from "../../../src/model/errors.js";
import type { ClusterFolder } from "../folder.js";

const reaperProgram = fileURLToPath(new URL("./reaper.ts", import.meta.url));
const repository = fileURLToPath(new URL("../../..", import.meta.url));

export interface Watchdog {
  /** Resolves when it is on guard; rejects with a GleanerError if it could not start. */
  ready: Promise<void>;
  /**
   * Dismisses it: with "keep" it leaves the cluster alone, with "stop" it stops what is left. Waits
   * for its end.
   */
  dismiss(how: "keep" | "stop"): Promise<void>;
}

/** Starts the watchdog of the cluster. From now on, our end, even by kill -9, ends the cluster. */
export function startWatchdog(folder: ClusterFolder): Watchdog {
  const log = openSync(folder.log("watchdog"), "a");
  const child = spawn(process.execPath, ["--import", "tsx", reaperProgram, folder.dir], {
    cwd: repository, // where node finds tsx
    detached: true,
    stdio: ["pipe", "pipe", log],
  });
  closeSync(log);
  const ended = once(child, "exit");
  ended.catch(() => {}); // whoever waits for it reports an error of spawn
  const ready = readyOf(child, ended, folder);
  ready.catch(() => {}); // same here
  return {
    ready,
    async dismiss(how) {
      child.ref();
      // Ctrl-C may come while it is being dismissed.
      if (child.stdin?.writableEnded === false) child.stdin.end(how === "keep" ? "keep\n" : "");
      await ended;
    },
  };
}

async function readyOf(child: ChildProcess, ended: Promise<unknown>, folder: ClusterFolder) {
  const isReady = once(child.stdout as Socket, "data").then(() => true);
  if (!(await Promise.race([isReady, ended.then(() => false)]))) {
    throw new GleanerError(
      "LAUNCH",
      `The watchdog of the cluster did not start: see ${folder.log("watchdog")}.`,
    );
  }
  // from here on it must not keep us alive: it waits for our end
  for (const handle of [child, child.stdin as Socket, child.stdout as Socket]) handle.unref();
}
