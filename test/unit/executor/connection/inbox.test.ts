// The executor's inbox: a turn for each message, and none left behind.

import { expect, test } from "@jest/globals";
import { Inbox, type Said } from "../../../../src/executor/connection/inbox.js";

const start = { type: "start", order: {} } as unknown as Said;
const stop: Said = { type: "stop", reason: "a test", graceMs: 0 };
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("other work runs between two messages, whose order is kept", async () => {
  const taken: string[] = [];
  const inbox = new Inbox(({ type }) => taken.push(type));
  for (const message of [start, start, stop]) inbox.add(message);
  expect(taken).toEqual([]);
  await turn();
  expect(taken).toEqual(["start"]);
  await turn();
  await turn();
  expect(taken).toEqual(["start", "start", "stop"]);
  inbox.add(start);
  await turn();
  expect(taken).toHaveLength(4);
});

test("what follows another attempt starts nothing, and is taken in the same turn", async () => {
  const taken: string[] = [];
  const inbox = new Inbox(({ type }) => taken.push(type));
  const follower = { type: "start", order: { after: {} } } as unknown as Said;
  for (const message of [start, follower, follower, start]) inbox.add(message);
  await turn();
  expect(taken).toHaveLength(3);
  await turn();
  expect(taken).toHaveLength(4);
});

test("a message that arrives while another is handled is handled once", async () => {
  const taken: string[] = [];
  const inbox: Inbox = new Inbox(({ type }) => {
    if (taken.push(type) === 1) inbox.add(stop);
  });
  inbox.add(start);
  for (let turns = 0; turns < 4; turns++) await turn();
  expect(taken).toEqual(["start", "stop"]);
});

test("all messages that arrived before the connection closed are handled once", async () => {
  const taken: string[] = [];
  const inbox = new Inbox(({ type }) => taken.push(type));
  for (const message of [start, start, stop]) inbox.add(message);
  inbox.close();
  expect(taken).toEqual(["start", "start", "stop"]);
  await turn();
  await turn();
  expect(taken).toHaveLength(3);
});
