// Connections that stay open between the requests of a program that calls often: opening one takes
// longer than a warm call.

import type { Socket } from "node:net";

/** More calls of one program at a time open further connections, which end with their requests. */
const maxIdle = 64;
/** Shorter than gleanerd's own limit. */
const idleMs = 30_000;

interface Idle {
  readonly socket: Socket;
  /** Ends it, unless it was taken. */
  readonly drop: () => void;
}

const idle = new Map<string, Idle[]>();
const endings = ["end", "timeout", "error"] as const;

/** One that waits for a request; undefined if none does. */
export function takeIdle(peer: string): Socket | undefined {
  const found = idle.get(peer)?.pop();
  if (found === undefined) return undefined;
  const { socket, drop } = found;
  for (const event of endings) socket.off(event, drop);
  return socket.setTimeout(0).ref();
}

/** Keeps a connection whose request was answered; it does not keep the program from ending. */
export function keepIdle(peer: string, socket: Socket): void {
  const all = idle.get(peer) ?? [];
  if (all.length >= maxIdle) return void socket.destroy();
  idle.set(peer, all);
  const drop = (): void => {
    const at = all.findIndex((each) => each.socket === socket);
    if (at >= 0) all.splice(at, 1);
    socket.destroy();
  };
  all.push({ socket, drop });
  for (const event of endings) socket.on(event, drop);
  socket.setTimeout(idleMs).unref();
}
