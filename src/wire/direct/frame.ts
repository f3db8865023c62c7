// The frames of the direct path between a client and a leased worker: their types and what each may
// have. Calls and their answers are those of the worker protocol.

import { frameRules } from "../worker/frame.js";
import { FrameCutter, FrameFormat, type FrameSink, fieldsRule } from "../worker/framing.js";

/** Before both have proven the key, nothing is longer; nor is what is said beside calls. */
export const maxHandshakeBytes = 1_024;

const short = (number: number, id: "none" | "either" = "none") =>
  fieldsRule(number, id, maxHandshakeBytes);
const { call, cancel, result, error } = frameRules;

export const directRules = {
  call,
  cancel,
  result,
  error,
  bye: short(10),
  clientHello: short(32),
  workerHello: short(33),
  clientProof: short(34),
  accepted: short(35),
  refused: short(36),
  busy: { number: 37, metadataBytes: 0, payloadBytes: 0, id: "some" },
  terminating: short(38),
  ended: short(39, "either"),
  shmOpen: short(40),
  shmAccepted: short(41),
  ofiOpen: short(42),
  ofiAccepted: short(43),
} as const;
export type DirectType = keyof typeof directRules;

const format = new FrameFormat<DirectType>(directRules);

/** The header and metadata of a frame whose payload follows on the stream. */
export const encodeDirectHead = format.encodeHead.bind(format);
/** A whole frame without metadata. */
export const encodeDirectFrame = format.encodeFrame.bind(format);

export class DirectDecoder extends FrameCutter<DirectType> {
  constructor(sink: FrameSink<DirectType>) {
    super(format, sink);
  }
}
