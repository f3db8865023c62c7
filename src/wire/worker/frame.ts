// The frames of the worker protocol: their types and what each may have.

import {
  FrameCutter,
  FrameFormat,
  type FrameHead as FrameHeadOf,
  type Frame as FrameOf,
  type FrameSink as FrameSinkOf,
  fieldsRule,
} from "./framing.js";
import { maxFieldsBytes, maxLogPieceBytes, maxMetadataBytes, maxPayloadBytes } from "./limits.js";

export { FrameError, headerBytes, join, wholeFrames } from "./framing.js";

const fields = (number: number, id: "none" | "some") => fieldsRule(number, id, maxFieldsBytes);
const carries = {
  metadataBytes: maxMetadataBytes,
  payloadBytes: maxPayloadBytes,
  id: "some",
} as const;

export const frameRules = {
  hello: fields(1, "none"),
  load: fields(2, "none"),
  loaded: fields(3, "none"),
  loadFailed: fields(4, "none"),
  call: { number: 5, ...carries },
  cancel: { number: 6, metadataBytes: 0, payloadBytes: 0, id: "some" },
  result: { number: 7, ...carries },
  error: fields(8, "some"),
  log: { number: 9, metadataBytes: 1, payloadBytes: maxLogPieceBytes, id: "either" },
  bye: fields(10, "none"),
  fork: fields(11, "some"),
  forked: fields(12, "some"),
  forkFailed: fields(13, "some"),
  childEnded: fields(14, "some"),
  serve: fields(15, "some"),
  serving: fields(16, "some"),
  usage: fields(17, "some"),
  terminating: fields(18, "some"),
} as const;
export type FrameType = keyof typeof frameRules;
export type FrameHead = FrameHeadOf<FrameType>;
export type Frame = FrameOf<FrameType>;
export type FrameSink = FrameSinkOf<FrameType>;

const format = new FrameFormat<FrameType>(frameRules);

/** The header and metadata of a frame whose payload follows on the stream. */
export const encodeHead = format.encodeHead.bind(format);
/** A whole frame without metadata. */
export const encodeFrame = format.encodeFrame.bind(format);

export class FrameDecoder extends FrameCutter<FrameType> {
  constructor(sink: FrameSink) {
    super(format, sink);
  }
}
