// A command on an ssh connection, with every event controlled by the test: its end may arrive
// together with its start.

import { PassThrough } from "node:stream";
import { expect, test } from "@jest/globals";
import type { Client } from "ssh2";
import { begin } from "../../../../src/launch/ssh/command.js";

/**
 * A channel that does `after` immediately after the answer that the command was started, as when
 * both arrive in one packet.
 */
function clientThat(after: (channel: PassThrough) => void): Client {
  const channel = Object.assign(new PassThrough({ emitClose: false }), {
    stderr: new PassThrough(),
  });
  const exec = (_: string, started: (error: undefined, channel: PassThrough) => void) => {
    started(undefined, channel);
    after(channel);
  };
  return { exec } as unknown as Client;
}

test("a command's end in the same packet as its start is noticed", async () => {
  const client = clientThat((channel) => {
    channel.emit("exit", 105);
    channel.emit("close");
  });
  const begun = await begin(client, "n1", "quick", 1_000);
  expect(await begun.finish("", 1_000)).toMatchObject({ status: 105 });
});

test("a connection that breaks at that moment is distinguished from a command that ended", async () => {
  const client = clientThat((channel) => channel.emit("close"));
  const begun = await begin(client, "n1", "quick", 1_000);
  await expect(begun.finish("", 1_000)).rejects.toThrow("broke while a command ran");
});

test("a command that does not end is given up", async () => {
  const begun = await begin(
    clientThat(() => {}),
    "n1",
    "endless",
    1_000,
  );
  await expect(begun.finish("", 10)).rejects.toThrow("within 10 ms");
});
