// The part of a submission that stays in memory while its invocations wait and run.

import { inlineBytes, type Payload } from "../../model/call.js";
import { type BlobHash, versionId } from "../../model/ids.js";
import {
  type Command,
  type Submission,
  type SubmissionDigest,
  wordsOf,
} from "../../model/invocation.js";
import { functionKey } from "../forecast/run-times.js";

export function digestOf(
  uid: number,
  submission: Submission,
  inputs: readonly Payload[] = [],
  packedInputs: BlobHash | null = null,
): SubmissionDigest {
  const { name, command, environment, checkpoint, workingDirectory, schedule, where, mail } =
    submission;
  const texts = [
    ...documentsOf(command),
    ...wordsOf(command),
    ...Object.entries(environment).flat(),
  ];
  return {
    functionKey: functionKey(String(uid), name, command),
    checkpointIn: checkpoint === true ? workingDirectory : null,
    documentBytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0),
    inputBytes: bytesOf(inputs),
    version: command.kind === "call" ? versionId(command.version) : null,
    packedInputs,
    ...(schedule !== undefined && { schedule }),
    ...(where !== undefined && { where }),
    ...(mail !== undefined && { mail }),
    ...leaseIn(command),
    ...seatsIn(command),
  };
}

function leaseIn(command: Command): Pick<SubmissionDigest, "lease"> {
  if (command.kind !== "call" || command.lease === undefined) return {};
  return { lease: { ...command.lease, callLimitMs: command.settings.timeLimitMs } };
}

/** A leased worker serves its clients only, and a check is to start a worker. */
function seatsIn(command: Command): Pick<SubmissionDigest, "seats"> {
  if (command.kind !== "call" || command.lease !== undefined || command.isCheck) return {};
  const { concurrency } = command.settings;
  return concurrency > 1 ? { seats: concurrency } : {};
}

function documentsOf(command: Command): readonly string[] {
  if (command.kind === "call") return [JSON.stringify(command.settings)];
  return command.kind === "script" ? [command.body] : [];
}

/** Contents that are kept by their hash count where those are limited. */
export const bytesOf = (inputs: readonly Payload[]): number =>
  inputs.reduce((sum, input) => sum + inlineBytes(input), 0);
