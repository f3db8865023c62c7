// Running requests: a user has at most as many as are free for others, and gets them back once they
// are answered.

import type { Socket } from "node:net";
import { beforeEach, expect, test } from "@jest/globals";
import { Connections } from "../../../../src/daemon/api/server/connections.js";

const peer = { remoteAddress: "10.0.0.1", remotePort: 1 } as unknown as Socket;
let connections: Connections;
beforeEach(() => {
  connections = new Connections();
});

/** As many as the user gets; what ends them. */
function take(uid: number): (() => void)[] {
  const ends: (() => void)[] = [];
  try {
    for (;;) ends.push(connections.identified(peer, uid));
  } catch (thrown) {
    expect(thrown).toMatchObject({
      code: "LIMIT_REACHED",
      message: expect.stringMatching(/you have (\d+) requests running and the limit is \1: /),
    });
  }
  return ends;
}

test("a single user gets 512 connections, and as many again after their end", () => {
  const ends = take(1);
  expect(ends).toHaveLength(512);
  for (const end of ends.slice(0, 3)) end();
  expect(take(1)).toHaveLength(3);
});

test("connections of other users reduce a user's share until they end", () => {
  const ends = [1, 2, 3].flatMap((uid) => take(uid));
  const few = take(4).length;
  expect(few).toBeLessThan(512);
  expect(few).toBeGreaterThan(0);
  for (const end of ends) end();
  expect(take(5)).toHaveLength(512);
});
