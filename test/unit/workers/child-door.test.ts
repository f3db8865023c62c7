// The door of forked workers: who shows a token is handed over with what follows it, and nobody
// else gets in or keeps others out.

import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { ChildDoor } from "../../../src/workers/child-door.js";

let folder: string;
let door: ChildDoor;
const clients: Socket[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-door-"));
  door = await ChildDoor.open(join(folder, "door"));
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  door.close();
  rmSync(folder, { recursive: true });
});

const knock = (...pieces: string[]): Socket => {
  const client = connect(join(folder, "door"));
  client.on("error", () => {});
  clients.push(client);
  for (const piece of pieces) client.write(piece);
  return client;
};
const closed = (client: Socket) => once(client.resume(), "close");
const textOf = async (socket: Socket | null) => String((await once(socket!.resume(), "data"))[0]);

test("hands over each connection to whoever expects its token, with what follows", async () => {
  const [first, second] = [door.expect(), door.expect()];
  knock(`${second.token}of second`);
  knock(first.token.slice(0, 10), `${first.token.slice(10)}of first`);
  expect(await textOf(await first.arrived)).toBe("of first");
  expect(await textOf(await second.arrived)).toBe("of second");
});

test("hands over what comes long after the token", async () => {
  const expected = door.expect();
  const client = knock(expected.token);
  const socket = await expected.arrived;
  client.write("hello");
  expect(await textOf(socket)).toBe("hello");
});

test("refuses other tokens, and one that was used or given up", async () => {
  const [used, givenUp] = [door.expect(), door.expect()];
  givenUp.giveUp();
  expect(await givenUp.arrived).toBeNull();
  knock(used.token);
  await used.arrived;
  for (const token of [used.token, givenUp.token, "0".repeat(64)]) await closed(knock(token));
});

test("cannot be filled with connections that show nothing", async () => {
  const expected = door.expect();
  const first = knock();
  const end = closed(first);
  for (let sent = 0; sent < 70; sent++) knock("x");
  await end;
  knock(expected.token);
  expect(await expected.arrived).not.toBeNull();
});

test("ends silent connections after their time, and what is expected when it closes", async () => {
  const expected = door.expect();
  await closed(knock("x"));
  door.close();
  expect(await expected.arrived).toBeNull();
  door = await ChildDoor.open(join(folder, "door"));
});

test("is open to the node's users only while a worker is expected", async () => {
  const mode = () => statSync(join(folder, "door")).mode & 0o777;
  expect(mode()).toBe(0o600);
  const [first, second] = [door.expect(), door.expect()];
  expect(mode()).toBe(0o666);
  knock(first.token);
  await first.arrived;
  expect(mode()).toBe(0o666);
  second.giveUp();
  expect(mode()).toBe(0o600);
});
