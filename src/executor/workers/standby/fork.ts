// Asks a parent for a worker and waits for its two connections; bounds how long a parent may take.

import type { Socket } from "node:net";
import { clearTimeout, setTimeout, type Timer } from "../../../clock.js";
import { GleanerError } from "../../../model/errors.js";
import type { Expected } from "../../../workers/child-door.js";
import type { ParentChannel } from "../../../workers/parent-channel.js";

/** A fork takes milliseconds; a parent that takes longer hangs, or is hostile. */
const forkLimitMs = 5_000;

export interface AskedFork {
  readonly id: number;
  /** As the parent says. */
  readonly pid: number;
  /** One for the worker protocol, one for its standard output and error. */
  readonly sockets: readonly [Socket, Socket];
}

/** Rejects if the fork fails or takes too long. */
export async function askFork(
  parent: ParentChannel,
  [protocol, output]: readonly [Expected, Expected],
): Promise<AskedFork> {
  const { path, token } = protocol;
  const { id, end } = parent.fork({ path, token, outputToken: output.token });
  const all = [end, protocol.arrived, output.arrived] as const;
  // A fork that failed brings no connections.
  const arrived = end.then((fork) => (fork.kind === "forked" ? Promise.all(all) : null));
  const made = await withinLimit<Awaited<typeof arrived>>(arrived);
  if (made !== null) {
    const [fork, first, second] = made;
    if (fork.kind === "forked" && first !== null && second !== null)
      return { id, pid: fork.pid, sockets: [first, second] };
  }
  // They may have arrived although the fork failed.
  for (const each of [protocol, output]) {
    each.giveUp();
    void each.arrived.then((socket) => socket?.destroy());
  }
  throw new GleanerError("LAUNCH", `it forked no worker within ${forkLimitMs} ms`);
}

/** null if it takes too long. */
async function withinLimit<T>(made: Promise<T>): Promise<T | null> {
  let timer: Timer | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), forkLimitMs);
  });
  try {
    return await Promise.race([made, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function refuse(sockets: readonly Socket[]): null {
  for (const socket of sockets) socket.destroy();
  return null;
}
