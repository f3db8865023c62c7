// The part of a submission that stays in memory while its invocations wait and run.

import type { Submission, SubmissionDigest } from "../../model/invocation.js";
import { functionKey } from "../forecast/run-times.js";

export function digestOf(uid: number, submission: Submission): SubmissionDigest {
  const { name, command, environment, checkpoint, workingDirectory } = submission;
  const words = command.kind === "script" ? [command.body, ...command.args] : command.argv;
  const texts = [...words, ...Object.entries(environment).flat()];
  return {
    functionKey: functionKey(String(uid), name, command),
    checkpointIn: checkpoint === true ? workingDirectory : null,
    documentBytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0),
  };
}
