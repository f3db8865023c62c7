// Running requests: a user has at most as many as are free for others, and gets them back once they
// are answered. Connections without a token: the address with the most loses one for a new one.

import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Time, useTime } from "../../../../src/clock.js";
import { Connections } from "../../../../src/daemon/api/server/connections.js";

const peer = { remoteAddress: "10.0.0.1", remotePort: 1 } as unknown as Socket;
let connections: Connections;
let atMs: number;
let goBack: () => void;
beforeEach(() => {
  connections = new Connections();
  atMs = 0;
  goBack = useTime({ monotonicMs: () => atMs } as Time);
});
afterEach(() => goBack());

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

test("without room, the address with the most connections loses its newest, or its oldest after half a second", () => {
  const closed: string[] = [];
  const open = (remoteAddress: string, remotePort: number) => {
    const socket = new EventEmitter();
    const destroy = () => {
      closed.push(`${remoteAddress} ${remotePort}`);
      socket.emit("close");
    };
    connections.opened(Object.assign(socket, { remoteAddress, remotePort, destroy }) as Socket);
  };
  open("10.0.0.2", 1);
  let most = 0;
  while (closed.length === 0) open("10.0.0.1", ++most);
  expect(closed).toEqual([`10.0.0.1 ${most}`]);
  open("10.0.0.2", 2);
  expect(closed.slice(1)).toEqual([`10.0.0.1 ${most - 1}`]);
  atMs = 500;
  open("10.0.0.2", 3);
  open("10.0.0.3", 1);
  expect(closed.slice(2)).toEqual(["10.0.0.1 1", "10.0.0.1 2"]);
});
