// Checks that the installed node hook reaches this executor, by running the hook.

import { execFile } from "node:child_process";
import type { ExecutorId, NodeName } from "../../model/ids.js";

/** The hook's own hard deadline is 2 s. */
const probeMs = 3_000;
const maxOutputBytes = 4_096;

/**
 * Runs `<program> --probe` for this node; returns null if it found this executor, else one sentence
 * why not. `plugin` holds the plugin's path and options, whose hook.conf then applies; omitted for
 * the program itself.
 */
export async function probeHook(
  program: string,
  plugin: readonly string[],
  node: NodeName,
  executor: ExecutorId,
): Promise<string | null> {
  return await new Promise((resolve) => {
    const options = {
      timeout: probeMs,
      killSignal: "SIGKILL",
      maxBuffer: maxOutputBytes,
      env: { SLURMD_NODENAME: node },
    } as const;
    execFile(program, ["--probe", ...plugin], options, (error, stdout, stderr) => {
      const said = (stderr.trim() || stdout.trim()).split("\n", 1)[0]!.slice(0, 400);
      if (error === null && stdout === `here ${executor}\n`) resolve(null);
      else if (error === null)
        resolve(
          `the hook ${program} found another executor ("${said}"): check that its runDir matches this executor's`,
        );
      else if (error.killed)
        resolve(`the hook ${program} did not finish within ${probeMs / 1_000} s`);
      else resolve(`the hook ${program} does not work here: ${said || error.message}`);
    });
  });
}
