// What listings show of a submission: its files, folder and command.

import { type Invocation, submissionIdOf, wordsOf } from "../../model/invocation.js";
import { pathIn } from "../../model/records/output-paths.js";
import type { InvocationDetail } from "../../sdk/index.js";

export type Submission = InvocationDetail["submission"];

/** What the script said, as nobody is billed by it. */
export const accountOf = ({ optionVariables }: Submission): string | undefined =>
  optionVariables?.SLURM_JOB_ACCOUNT;
export const qosOf = ({ optionVariables }: Submission): string | undefined =>
  optionVariables?.SLURM_JOB_QOS;
export const partitionsOf = ({ optionVariables }: Submission): readonly string[] =>
  optionVariables?.SLURM_JOB_PARTITION?.split(",") ?? [];

/** Scripts look for their own file here. */
export function commandOf({ command, scriptPath = "(null)" }: Submission): string {
  const words = wordsOf(command);
  return (command.kind === "script" ? [scriptPath, ...words] : words).join(" ");
}

export const inputFileOf = ({ stdinPattern = "/dev/null", workingDirectory }: Submission): string =>
  pathIn(workingDirectory, stdinPattern);

export const outputFileOf = (submission: Submission, invocation: Invocation): string =>
  fileOf(submission, submission.stdoutPattern, invocation);

export const errorFileOf = (submission: Submission, invocation: Invocation): string =>
  fileOf(submission, submission.stderrPattern ?? submission.stdoutPattern, invocation);

function fileOf(
  { workingDirectory }: Submission,
  pattern: string | null,
  invocation: Invocation,
): string {
  return pathIn(workingDirectory, pattern ?? standardFileOf(invocation));
}

const standardFileOf = (invocation: Invocation): string =>
  invocation.arrayJobId === null
    ? `slurm-${invocation.id}.out`
    : `slurm-${submissionIdOf(invocation)}_${invocation.arrayTaskId}.out`;
