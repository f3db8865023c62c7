// The part of a submission that stays in memory while its invocations wait and run.

import { versionId } from "../../model/ids.js";
import { type Submission, type SubmissionDigest, wordsOf } from "../../model/invocation.js";
import { functionKey } from "../forecast/run-times.js";

export function digestOf(uid: number, submission: Submission): SubmissionDigest {
  const { name, command, environment, checkpoint, workingDirectory } = submission;
  const body = command.kind === "script" ? [command.body] : [];
  const texts = [...body, ...wordsOf(command), ...Object.entries(environment).flat()];
  return {
    functionKey: functionKey(String(uid), name, command),
    checkpointIn: checkpoint === true ? workingDirectory : null,
    documentBytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0),
    version: command.kind === "call" ? versionId(command.version) : null,
  };
}
