// A worker that could not be started for a want of its node: no tool for its image, or no image.

import type { Progress } from "../../workers/answers.js";
import { imageFailure } from "../../workers/image-command.js";
import type { RunEnd } from "../runtimes/runtime.js";

/** Another node may have what the image needs; null if this is no such end. */
export function failedStartOf(
  { exitCode, signal, startNs, endNs }: Extract<RunEnd, { kind: "ended" }>,
  { hasRuntime, image }: Progress,
): RunEnd | null {
  if (hasRuntime || image === null || signal !== 0) return null;
  const failure = imageFailure(image, exitCode);
  if (failure === null) return null;
  const heldMs = Number((endNs - startNs) / 1_000_000n);
  return { kind: "failed", stage: "exec", ...failure, heldMs };
}
