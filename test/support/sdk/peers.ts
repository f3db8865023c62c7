// The workers of test/vectors/direct/peers.json, which break the direct path: they listen, and do
// what the vector says.

import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { resolve } from "node:path";
import { encodeContentType } from "../../../src/wire/worker/messages.js";
import { endpointOf } from "./leasing.js";
import { type Scripted, ScriptedWorker } from "./scripted-worker.js";

type Outcome = "unreached" | "lost" | "late" | "result" | "invalid";
type Bytes = string | { readonly hex: string; readonly times: number };

export interface Peer {
  readonly name: string;
  readonly after: "clientHello" | "clientProof" | "call";
  readonly sends: readonly Bytes[];
  /** One byte after the other. */
  readonly dribbles?: boolean;
  readonly closes?: boolean;
  /** How the client's first call may end. */
  readonly ends: readonly Outcome[];
}

const file = resolve("test/vectors/direct/peers.json");
export const peers: readonly Peer[] = JSON.parse(readFileSync(file, "utf8")).workers;

const dribbleMs = 20;
const pieceBytes = 64 * 1024;
/** Less than that for who ends by its deadline; nobody else waits for it. */
const patienceMs = 20_000;
const lateMs = 300;

/** How long its first call may take. */
export const limitOf = ({ ends }: Peer): number => (ends.includes("late") ? lateMs : patienceMs);

export class PeerWorkers {
  private constructor(private readonly workers: readonly ScriptedWorker[]) {}

  /** One for each vector, in their order. */
  static async start(): Promise<PeerWorkers> {
    return new PeerWorkers(await Promise.all(peers.map(startPeer)));
  }

  get endpoints() {
    return this.workers.map(({ endpoint }) => endpointOf(endpoint));
  }

  stop(): void {
    for (const worker of this.workers) worker.stop();
  }
}

function startPeer(peer: Peer): Promise<ScriptedWorker> {
  let hasBroken = false;
  const answer = (id: number, { outbox }: Scripted) =>
    outbox.send("result", id, Buffer.from("1"), encodeContentType("application/json"));
  return ScriptedWorker.start(answer, "1.1", (type, { socket }) => {
    // Nobody reaches one that breaks the handshake; any other one is good after its first call.
    if (type !== peer.after || (type === "call" && hasBroken)) return false;
    hasBroken = true;
    void play(peer, socket);
    return true;
  });
}

async function play({ sends, dribbles, closes }: Peer, socket: Socket): Promise<void> {
  for (const piece of piecesOf(sends, dribbles === true ? 1 : pieceBytes)) {
    if (socket.destroyed) return;
    const isTaken = socket.write(piece);
    if (dribbles) await new Promise((done) => setTimeout(done, dribbleMs));
    else if (!isTaken) await drained(socket);
  }
  if (closes) socket.end();
}

/** Or closed. */
const drained = (socket: Socket): Promise<void> =>
  new Promise((done) => {
    const settle = () => {
      socket.off("drain", settle).off("close", settle);
      done();
    };
    socket.on("drain", settle).on("close", settle);
  });

function* piecesOf(sends: readonly Bytes[], mostBytes: number): Generator<Buffer> {
  for (const each of sends) {
    const { hex, times } = typeof each === "string" ? { hex: each, times: 1 } : each;
    const one = Buffer.from(hex, "hex");
    const atOnce = Math.min(times, Math.max(1, Math.floor(pieceBytes / one.length)));
    const many = Buffer.concat(Array(atOnce).fill(one));
    for (let left = times; left > 0; left -= atOnce) {
      const bytes = left < atOnce ? many.subarray(0, left * one.length) : many;
      for (let at = 0; at < bytes.length; at += mostBytes) yield bytes.subarray(at, at + mostBytes);
    }
  }
}
