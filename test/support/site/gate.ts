// A gate at which functions wait, so that a test needs no function of a certain length: even on a
// slow machine, none ends before all have begun.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { afterEach } from "@jest/globals";

export interface Gate {
  /** A shell command that goes on when the gate is open; afterwards it does not wait. */
  readonly wait: string;
  /** May be called again. */
  open(): Promise<void>;
}

const opened: (() => Promise<void>)[] = [];
// A test that fails before it opens its gate would leave no room to the next one, which would then
// use up its whole time limit.
afterEach(async () => {
  for (const open of opened.splice(0)) await open();
});

/** Open when the test ends, if not before. `path` must be where users may read. */
export async function closedGate(path: string): Promise<Gate> {
  writeFileSync(path, "");
  chmodSync(path, 0o644);
  // Holds the lock until its standard input ends, so also when the test dies.
  const holder: ChildProcess = spawn("flock", [path, "sh", "-c", "echo closed; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "close");
  await once(holder.stdout!, "data");
  const open = async () => {
    holder.stdin!.end();
    await ended;
  };
  opened.push(open);
  return { wait: `flock --shared ${path} true`, open };
}
