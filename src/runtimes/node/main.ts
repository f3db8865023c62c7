// The runtime for functions in JavaScript: a worker that speaks to its executor over descriptor 3.

import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { FrameDecoder, wholeFrames } from "../../wire/worker/frame.js";
import { defaultLogLimitBytes } from "../../wire/worker/limits.js";
import { Prints } from "./prints.js";
import { rehearse } from "./rehearsal.js";
import { describeThrown } from "./user-error.js";
import { Worker } from "./worker.js";

const executorDescriptor = 3;
/** Copying a short payload is cheaper than a second write. */
const maxCopiedBytes = 16 * 1024;
const crashStatus = 1;

const socket = new Socket({ fd: executorDescriptor, readable: true, writable: true });
/** Nothing is sent any more. */
let isEnding = false;

/** In place of the socket, once the event loop runs no more. */
let sendNow: ((...pieces: readonly Uint8Array[]) => void) | null = null;

const send = (...pieces: readonly Uint8Array[]): void => {
  if (isEnding) return;
  if (sendNow !== null) {
    sendNow(...pieces);
    return;
  }
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  if (bytes <= maxCopiedBytes) {
    socket.write(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    return;
  }
  socket.cork();
  for (const piece of pieces) socket.write(piece);
  socket.uncork();
};

function leave(status = 0): void {
  isEnding = true;
  process.exit(status);
}

// Node's default answer to SIGUSR1 is a debugger that every user of the node can reach.
process.on("SIGUSR1", () => {});
process.setSourceMapsEnabled(true);

const prints = new Prints(send, defaultLogLimitBytes);
const worker = new Worker({ send, leave }, prints);
const decoder = new FrameDecoder(wholeFrames(worker.onFrame));
socket.on("data", (piece: Buffer) => decoder.push(piece));
// Without its executor nobody wants what it does.
socket.on("end", () => leave());
socket.on("error", () => leave(crashStatus));

process.on("uncaughtException", (thrown, origin) => {
  if (isEnding) return;
  const what = origin === "unhandledRejection" ? "unhandled rejection" : "uncaught exception";
  const error = describeThrown(thrown);
  // This kind says that the process is about to end: no other call is sent to it.
  const { told } = worker.end(
    { ...error, kind: "exit", message: `${what}: ${error.message}` },
    `an ${what} ended the worker: ${error.type}: ${error.message}`,
  );
  isEnding = true;
  socket.end(() => void told.then(() => leave(crashStatus)));
});

// The handler called process.exit: its answer must leave at once, and cannot behind unsent bytes.
process.on("exit", (status) => {
  if (isEnding || socket.writableLength > 0) return;
  const message = `the handler called process.exit(${status})`;
  const answers: Uint8Array[] = [];
  sendNow = (...pieces) => void answers.push(...pieces);
  void worker.end({ kind: "exit", type: "ProcessExit", message, stack: "" }, message);
  try {
    writeSync(executorDescriptor, Buffer.concat(answers));
  } catch {
    // The executor sees the exit status.
  }
});

prints.capture();
void rehearse().then(() => worker.greet());
