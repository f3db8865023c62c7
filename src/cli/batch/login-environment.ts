// The environment of a login shell, which a job gets if --export leaves out the shell's own.

import { spawnSync } from "node:child_process";
import { userInfo } from "node:os";

/** A profile that takes longer waits for something; sbatch's limit is no longer. */
const limitMs = 8_000;
const maxBytes = 1024 * 1024;
/** Profiles may print; the variables come after this. */
const mark = "\0glean\0";
/** They describe the shell that prints them. */
const passing = new Set(["_", "PWD", "OLDPWD", "SHLVL"]);

/** Starts the user's shell as `su -` does; null if it has no login shell, or fails. */
export function loginEnvironment(
  basics: Readonly<Record<string, string>>,
): Record<string, string> | null {
  const shell = userInfo().shell;
  if (shell === null || /\/(nologin|false)$/.test(shell)) return null;
  const { status, stdout } = spawnSync(shell, ["-c", "printf '\\0glean\\0'; env -0"], {
    argv0: `-${shell.slice(shell.lastIndexOf("/") + 1)}`,
    env: basics,
    cwd: "/",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: limitMs,
    maxBuffer: maxBytes,
    encoding: "utf8",
  });
  const at = status === 0 ? stdout.indexOf(mark) : -1;
  if (at < 0) return null;
  const lines = stdout.slice(at + mark.length).split("\0");
  return Object.fromEntries(
    lines.flatMap((line) => {
      const equals = line.indexOf("=");
      const name = line.slice(0, Math.max(0, equals));
      return name === "" || passing.has(name) ? [] : [[name, line.slice(equals + 1)]];
    }),
  );
}
