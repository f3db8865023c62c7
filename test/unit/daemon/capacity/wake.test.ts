// The wake-up socket, to which anybody on the network can send: it accepts one form, ignores
// everything else, and nothing ends the daemon.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  listenForWakes,
  parseWake,
  type Wake,
  wakesFor,
} from "../../../../src/daemon/capacity/wake.js";
import { jobId, nodeName } from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import { snapshot } from "../../../support/nouns.js";

const read = (text: string) => parseWake(Buffer.from(text, "latin1"));
const close: (() => void)[] = [];
afterEach(() => {
  for (const each of close.splice(0)) each();
});

test.each(["wake c1 n1 42", "wake c1 n1 42\n"])("%j is one", (text) => {
  expect(read(text)).toEqual({ clusterName: "c1", node: "n1", job: 42 });
});

test.each([
  "",
  "wake c1 n1",
  "wake c1 n1 -1",
  "wake c1 n1 99999999999",
  "wake c1 n1 42 43",
  "wake c1 n1 42\n\n",
  "wake c1 n/1 42",
  `wake c1 ${"n".repeat(65)} 42`,
  `wake c1 n1 42${" ".repeat(300)}`,
])("%j is not a wake-up", (text) => {
  expect(read(text)).toBeNull();
});

test("any datagram is read or ignored", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      expect(() => parseWake(Buffer.from(bytes))).not.toThrow();
    }),
  );
});

test("the listener continues after a datagram that could not be read", async () => {
  let heard: (wake: Wake) => void = () => {};
  const socket = await listenForWakes("127.0.0.1", 0, (wake) => heard(wake));
  const sender = createSocket("udp4");
  close.push(
    () => socket.close(),
    () => sender.close(),
  );
  expect(socket.emit("error", new Error("no memory"))).toBe(true);
  const wake = new Promise<Wake>((resolve) => {
    heard = resolve;
  });
  sender.bind(0, "127.0.0.1");
  await once(sender, "listening");
  const { port } = socket.address();
  sender.send("nonsense", port, "127.0.0.1");
  sender.send("wake c1 n1 7\n", port, "127.0.0.1");
  expect((await wake).job).toBe(7);
});

test("one for a job of the site ends the job; others make gleanerd read Slurm, but not often", () => {
  const { events } = newState();
  const done: string[] = [];
  events.subscribe(["hookReported"], ({ report }) => done.push(`${report.kind} ${report.jobId}`));
  const wake = wakesFor({
    recorder: { countsAsEnd: (_node, job) => job === jobId(1) },
    capacity: {
      snapshot: snapshot({}),
      wake: () => void done.push("read"),
    },
    events,
  });
  const { clusterName } = snapshot({}).facts;
  const heard = (id: number, of = clusterName) =>
    wake({ clusterName: of, node: nodeName("n1"), job: jobId(id) });
  heard(1);
  expect(done).toEqual(["end 1"]);
  for (const id of [2, 3, 4]) heard(id);
  expect(done).toEqual(["end 1", "read"]);
  heard(1, "another site");
  expect(done).toEqual(["end 1", "read"]);
});
