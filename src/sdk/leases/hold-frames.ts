// The frames between `glean lease hold` and the program that it holds a lease for.

import { type Frame, frameRules } from "../../wire/worker/frame.js";
import { FrameFormat, fieldsRule } from "../../wire/worker/framing.js";
import { maxFieldsBytes } from "../../wire/worker/limits.js";

const { call, cancel, result, error, bye } = frameRules;

export const holdFormat = new FrameFormat({
  ...{ call, cancel, result, error, bye },
  /** A call that did not run, with the reason. */
  ended: fieldsRule(39, "some", maxFieldsBytes),
  lease: fieldsRule(50, "none", maxFieldsBytes),
  endpoint: fieldsRule(51, "none", maxFieldsBytes),
});

export type HoldFrame = Frame;
