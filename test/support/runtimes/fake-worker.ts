// A worker that does what a test says: the other end of an executor's channel.

import type { Socket } from "node:net";
import {
  encodeFrame,
  encodeHead,
  type Frame,
  FrameDecoder,
  type FrameType,
  wholeFrames,
} from "../../../src/wire/worker/frame.js";
import {
  type ErrorKind,
  encodeContentType,
  encodeError,
  encodeLogStream,
} from "../../../src/wire/worker/messages.js";

export class FakeWorker {
  private readonly arrived: Frame[] = [];
  private waiting: ((frame: Frame) => void)[] = [];
  constructor(readonly socket: Socket) {
    const decoder = new FrameDecoder(
      wholeFrames((frame) => {
        const resolve = this.waiting.shift();
        if (resolve) resolve(frame);
        else this.arrived.push(frame);
      }),
    );
    socket.on("data", (piece: Buffer) => decoder.push(piece));
    socket.on("error", () => {});
  }
  send(type: FrameType, id: number, payload?: Buffer): void {
    this.socket.write(encodeFrame(type, id, payload));
  }
  result(id: number, text: string, contentType = "text/plain"): void {
    const payload = Buffer.from(text);
    const head = encodeHead("result", id, encodeContentType(contentType), payload.length);
    this.socket.write(Buffer.concat([head, payload]));
  }
  error(id: number, kind: ErrorKind, message: string): void {
    this.send("error", id, encodeError({ kind, type: "Failed", message, stack: "" }));
  }
  log(id: number, text: string): void {
    const payload = Buffer.from(text);
    const head = encodeHead("log", id, encodeLogStream("stdout"), payload.length);
    this.socket.write(Buffer.concat([head, payload]));
  }
  next(): Promise<Frame> {
    const frame = this.arrived.shift();
    return frame ? Promise.resolve(frame) : new Promise((resolve) => this.waiting.push(resolve));
  }
}
