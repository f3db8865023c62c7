// Has what arrives on an accepted connection read to a given place, as `onread` does for those that
// a program opens itself: without a new buffer and an event for each piece.

import { Socket, type SocketConstructorOpts } from "node:net";

export interface Onread {
  buffer(): Buffer;
  /** False: read no more. */
  callback(bytes: number, space: Buffer): boolean;
}

/**
 * A server of Node makes its connections without `onread`, so that the handle has to change its
 * socket. `accepted` must be paused (pauseOnConnect), and is gone after this.
 */
export function readInto(accepted: Socket, onread: Onread): Socket {
  const inner = accepted as unknown as { _handle: object | null };
  const handle = inner._handle;
  inner._handle = null;
  accepted.destroy();
  return new Socket({ handle, onread } as SocketConstructorOpts);
}
