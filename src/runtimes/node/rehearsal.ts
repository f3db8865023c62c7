// Runs a function that does nothing before a worker says hello: node then has loaded and compiled
// what loading a handler and calling it need, and a spare has that before it is frozen.

import { encodeFrame, encodeHead, FrameDecoder, wholeFrames } from "../../wire/worker/frame.js";
import { defaultLogLimitBytes, protocolVersions } from "../../wire/worker/limits.js";
import { encodeCallHead, encodeLoad } from "../../wire/worker/messages.js";
import { Prints } from "./prints.js";
import { Worker } from "./worker.js";

/** Lies beside this program. */
const handler = "glean-runtime-node-rehearsal.mjs";
const contentType = "application/json";
const input = Buffer.from("null");

const load = encodeFrame(
  "load",
  0,
  encodeLoad({
    protocolVersion: protocolVersions.highest,
    directory: import.meta.dirname,
    handler,
    concurrency: 1,
    outputLimitBytes: input.length,
    logLimitBytes: defaultLogLimitBytes,
  }),
);
const callHead = encodeCallHead({ deadlineMs: 0, attempt: 1, contentType, name: "rehearsal" });
const call = Buffer.concat([encodeHead("call", 1, callHead, input.length), input]);

/** Never rejects. Without the function's file, the first call takes longer. */
export async function rehearse(): Promise<void> {
  const prints = new Prints(() => {}, defaultLogLimitBytes);
  await new Promise<void>((resolve) => {
    let isLoaded = false;
    const send = () => {
      if (isLoaded) return resolve();
      isLoaded = true;
      decoder.push(call);
    };
    const worker = new Worker({ send, leave: resolve }, prints);
    const decoder = new FrameDecoder(wholeFrames(worker.onFrame));
    decoder.push(load);
  });
  prints.release();
}
