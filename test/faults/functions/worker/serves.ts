// What a simulated worker is told to do, and how it serves the clients of a lease: until it is told
// to stop, crashes or is killed.

import type { InvocationId } from "../../../../src/model/ids.js";
import type { AttemptKey } from "../../../../src/wire/messages.js";
import type { FrameHead, FrameSink } from "../../../../src/wire/worker/frame.js";
import { decodeCallHead } from "../../../../src/wire/worker/messages.js";
import { decodeServe } from "../../../../src/wire/worker/serving.js";
import type { World } from "../../site/world.js";
import * as says from "./says.js";

export interface ServingWorker {
  readonly world: World;
  later(afterMs: number, happen: () => void): void;
  say(frame: Buffer): void;
  /** Its process ends. */
  end(exitCode: number, signal: number, oomKills?: number): void;
}

export function keyOfCall(metadata: Buffer): AttemptKey {
  const { name, attempt } = decodeCallHead(metadata);
  return { invocation: Number(name) as InvocationId, attempt };
}

export function keyOfServe(payload: Buffer): AttemptKey {
  const [invocation, attempt] = decodeServe(payload).worker.split(".").map(Number);
  return { invocation: invocation as InvocationId, attempt: attempt! };
}

interface TaskEvents {
  onBegun(key: AttemptKey): void;
  onSent(key: AttemptKey): void;
}

/** Hears what a worker is told to do. A call begins with its head: its input may take a while. */
export function tasksIn({ onBegun, onSent }: TaskEvents): FrameSink {
  let head: FrameHead | null = null;
  let pieces: Buffer[] = [];
  return {
    onHead: (begun) => {
      head = begun;
      if (head.type === "call") onBegun(keyOfCall(head.metadata));
    },
    onPayload: (piece) => {
      if (head?.type === "serve") pieces.push(piece);
    },
    onEnd: () => {
      if (head?.type === "call") onSent(keyOfCall(head.metadata));
      if (head?.type !== "serve") return;
      const key = keyOfServe(Buffer.concat(pieces));
      pieces = [];
      onBegun(key);
      onSent(key);
    },
  };
}

/** No client connects. */
const endpoint = { port: 50_000, socket: "gleaner-simulated" };
const segmentationFault = 11;

/** `serves`: whether it still serves this lease. */
export function serve(worker: ServingWorker, id: number, serves: () => boolean): void {
  const { world } = worker;
  const { chance } = world;
  const later = (afterMs: number, happen: () => void) =>
    worker.later(afterMs, () => {
      if (serves()) happen();
    });
  const sayClients = (clients: number) => worker.say(says.usage(id, { clients, calls: clients }));
  later(chance.ms(0.5, 20), () => {
    worker.say(says.serving(id, id % 2 === 0 ? { ...endpoint, keeps: true } : endpoint));
    if (chance.happens(0.9)) later(chance.ms(0.5, 100), () => sayClients(1));
    if (chance.happens(0.3)) later(chance.ms(200, 20_000), () => sayClients(0));
  });
  const crash = () => {
    chance.weighted<() => void>([
      [2, () => worker.end(3, 0)],
      [1, () => worker.end(0, segmentationFault)],
      [1, () => worker.end(0, 9, 1)],
    ])();
  };
  if (chance.happens(0.25)) later(chance.ms(1, 3_000), crash);
}
