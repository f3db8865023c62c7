// What a simulated worker writes: the frames of the worker protocol.

import { encodeFrame, encodeHead } from "../../../../src/wire/worker/frame.js";
import {
  type ErrorKind,
  encodeBye,
  encodeContentType,
  encodeError,
  encodeHello,
  encodeLoaded,
  encodeLogStream,
  type Load,
} from "../../../../src/wire/worker/messages.js";
import {
  encodeServing,
  encodeUsage,
  type ServeUsage,
  type Serving,
} from "../../../../src/wire/worker/serving.js";

const resultType = "text/plain";

const error = (kind: ErrorKind, type: string) =>
  encodeError({ kind, type, message: "as its input wanted", stack: "" });

export const hello = (): Buffer =>
  encodeFrame(
    "hello",
    0,
    encodeHello({
      lowestVersion: 1,
      highestVersion: 1,
      runtime: "node",
      languageVersion: "simulated",
    }),
  );
export const loaded = ({ concurrency }: Load): Buffer =>
  encodeFrame("loaded", 0, encodeLoaded({ concurrency }));
export const loadFailed = (): Buffer =>
  encodeFrame("loadFailed", 0, error("exception", "SyntaxError"));
export const failed = (id: number, kind: ErrorKind): Buffer =>
  encodeFrame("error", id, error(kind, "SimulatedError"));
export const returned = (id: number, result: string): Buffer =>
  Buffer.concat([
    encodeHead("result", id, encodeContentType(resultType), Buffer.byteLength(result)),
    Buffer.from(result),
  ]);
export const serving = (id: number, at: Serving): Buffer =>
  encodeFrame("serving", id, encodeServing(at));
export const usage = (id: number, of: Pick<ServeUsage, "clients" | "calls">): Buffer =>
  encodeFrame("usage", id, encodeUsage({ ...of, busyMs: 5, spinMs: 5 }));
/** What this call has left behind ends the process. */
export const leaves = (id: number): Buffer =>
  encodeFrame("bye", 0, encodeBye("a timer called exit", id));
/** Announces a result of this size; nobody reads it. */
export const tooMuch = (id: number, bytes: number): Buffer =>
  encodeHead("result", id, encodeContentType(resultType), bytes);
export const printed = (id: number, text: string): Buffer =>
  Buffer.concat([
    encodeHead("log", id, encodeLogStream("stdout"), Buffer.byteLength(text)),
    Buffer.from(text),
  ]);
