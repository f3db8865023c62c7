// The command `true`, run by Gleaner, by xargs and by sbatch --array of a Slurm without Gleaner.

import { execFileSync } from "node:child_process";
import type { Cluster } from "../../cluster/cluster.js";
import { until } from "../../cluster/until.js";
import type { Api } from "../lib/api.js";
import { preciseMs } from "../lib/harness.js";

const arrayDeadlineMs = 120_000;

/** Milliseconds from the submission to the answer that all have completed. */
export async function timeOfExec(api: Api, tasks: number | null): Promise<number> {
  const startedMs = preciseMs();
  const { id } = await api.submitTrue(tasks);
  const ended = await api.ended(id);
  const elapsedMs = preciseMs() - startedMs;
  const completed = ended.filter(({ state }) => state === "COMPLETED").length;
  if (completed !== (tasks ?? 1))
    throw new Error(`${completed} of ${tasks ?? 1} functions completed`);
  return elapsedMs;
}

/** The same commands by the quickest means of the machine: nobody decides or records anything. */
export function timeOfXargs(commands: number): number {
  const input = Array.from({ length: commands }, (_, index) => index).join("\n");
  const startedMs = preciseMs();
  execFileSync("xargs", ["-P2", "-n1", "/bin/true"], { input });
  return preciseMs() - startedMs;
}

/** Milliseconds from the submission until squeue shows that every task of the array has ended. */
export async function timeOfArray(slurm: Cluster, tasks: number): Promise<number> {
  const startedMs = preciseMs();
  const { stdout, stderr, exitCode } = await slurm.run("sbatch", [
    ...["--parsable", `--array=0-${tasks - 1}`, "--ntasks=1", "--mem=50M"],
    ...["--output=/dev/null", "--wrap=/bin/true"],
  ]);
  if (exitCode !== 0) throw new Error(`sbatch failed: ${stderr.trim()}`);
  const id = stdout.trim();
  await until(
    arrayDeadlineMs,
    async () => ((await slurm.run("squeue", ["-h", "-j", id])).stdout === "" ? true : undefined),
    () => new Error(`the array ${id} did not end within ${arrayDeadlineMs} ms`),
  );
  return preciseMs() - startedMs;
}
