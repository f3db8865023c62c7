// The program that carries the streams of an attached command, under the sanitizers.

import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { untilGone } from "../../../../scripts/cluster/processes/gone.js";
import { encodeRunFrame } from "../../../../src/wire/run/frames.js";
import { attach, begin, plainStart, type Run } from "../../../support/run/attach.js";
import { makeRuntimes } from "../../../support/runtimes/c-runtimes.js";

beforeAll(makeRuntimes, 120_000);

const runs: Run[] = [];
afterEach(() => {
  for (const run of runs.splice(0)) {
    run.session.hangUp();
    run.close();
    run.child.kill("SIGKILL");
  }
});

async function start(...given: Parameters<typeof begin>): Promise<Run> {
  const run = await begin(...given);
  runs.push(run);
  return run;
}
const socketOf = ({ session }: Run) =>
  (session as unknown as { arrival: { socket: Socket } }).arrival.socket;
const sh = (script: string): string[] => ["sh", "-c", script];
const over = async ({ heard, exited }: Run) => {
  await heard.until(() => heard.isOver !== null);
  expect(heard.isOver).toBe(true);
  return exited;
};

test("carries output and errors apart, and the exit status", async () => {
  const run = await start(sh("echo out; echo err >&2; exit 3"));
  expect(await over(run)).toBe(3);
  const { heard } = run;
  expect([heard.text("output"), heard.text("errors")]).toEqual(["out\n", "err\n"]);
  expect(heard.ends.get(0)).toEqual({ code: 3, signal: null });
});

test("starts several tasks with their numbers; its status is the highest of theirs", async () => {
  const run = await start(
    sh("echo $SLURM_PROCID $GLEANER_PROCID; [ $SLURM_PROCID != 2 ] || kill -9 $$"),
    plainStart,
    { tasks: 3 },
  );
  expect(await over(run)).toBe(137);
  expect([0, 1, 2].map((task) => run.heard.text("output", task))).toEqual([
    "0 0\n",
    "1 1\n",
    "2 2\n",
  ]);
  expect(run.heard.ends.get(2)).toEqual({ code: null, signal: 9 });
});

test("every task gets the input, as fast as the slowest takes it", async () => {
  const run = await start(["wc", "-c"], { ...plainStart, input: "all" }, { tasks: 2 });
  const piece = Buffer.alloc(32 * 1024, 1);
  for (let sent = 0; sent < 40; sent++) {
    await run.heard.until(() => run.session.inputRoom >= piece.length);
    run.session.sendInput(piece);
  }
  run.session.sendInput(Buffer.alloc(0));
  expect(await over(run)).toBe(0);
  expect([0, 1].map((task) => run.heard.text("output", task).trim())).toEqual([
    "1310720",
    "1310720",
  ]);
});

test("one task gets the input if that is asked for; a task that reads none stops nobody", async () => {
  const one = await start(["cat"], { ...plainStart, input: 1 }, { tasks: 2 });
  one.session.sendInput(Buffer.from("hi"));
  one.session.sendInput(Buffer.alloc(0));
  expect(await over(one)).toBe(0);
  expect([one.heard.text("output", 0), one.heard.text("output", 1)]).toEqual(["", "hi"]);
  const none = await start(["true"], { ...plainStart, input: "all" });
  await none.heard.until(() => none.heard.ends.size === 1);
  expect(await over(none)).toBe(0);
});

test("a program that cannot be executed is named, with a shell's status", async () => {
  const run = await start(["/nowhere/x"]);
  expect(await over(run)).toBe(127);
  expect(run.heard.failures).toEqual(["/nowhere/x: No such file or directory"]);
});

test("a client that does not read makes the tasks wait, in bounded memory", async () => {
  const run = await start(sh("head -c 30000000 /dev/zero; echo done >&2"));
  run.heard.isFull = true;
  await run.heard.until(() => run.heard.bytes > 0);
  let bytes = 0;
  while (bytes !== run.heard.bytes) {
    bytes = run.heard.bytes;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(bytes).toBeLessThan(5_000_000);
  // Signals are heard nevertheless, and what was printed comes once the client reads.
  run.heard.isFull = false;
  run.session.resume();
  expect(await over(run)).toBe(0);
  expect(run.heard.bytes).toBe(30_000_005);
});

test("signals reach the tasks, also while output waits", async () => {
  const run = await start(sh("trap 'exit 9' USR1; while :; do head -c 100000 /dev/zero; done"));
  run.heard.isFull = true;
  await run.heard.until(() => run.heard.bytes > 0);
  run.session.signal(10);
  run.session.signal(15);
  run.heard.isFull = false;
  run.session.resume();
  await run.heard.until(() => run.heard.ends.size === 1);
  expect(await over(run)).toBeGreaterThan(0);
});

test("a notice is told and passed on", async () => {
  const run = await start(
    sh("trap 'echo told; exit 0' USR2; echo up; while :; do sleep 0.01; done"),
    plainStart,
    { notice: 12 },
  );
  await run.heard.until(() => run.heard.text("output") === "up\n");
  run.child.kill("SIGUSR2");
  expect(await over(run)).toBe(0);
  expect([run.heard.notices, run.heard.text("output")]).toEqual([1, "up\ntold\n"]);
});

test("once the client is gone the tasks are hung up, and killed if they ignore that", async () => {
  const run = await start(sh("trap '' HUP TERM; echo $$; sleep 100"));
  await run.heard.until(() => run.heard.text("output").endsWith("\n"));
  const pid = Number(run.heard.text("output"));
  run.session.hangUp();
  expect(await run.exited).toBe(122);
  await untilGone(pid);
});

const pty = { rows: 30, columns: 100, term: "vt100" };

test("a terminal has the client's size and kind, echoes, and follows a resize", async () => {
  const run = await start(sh("stty size; echo $TERM; tty >/dev/null && cat; stty size"), {
    ...plainStart,
    input: "all",
    pty,
  });
  await run.heard.until(() => run.heard.text("output") === "30 100\r\nvt100\r\n");
  run.session.resize(20, 50);
  run.session.sendInput(Buffer.from("grüße\r"));
  await run.heard.until(() => run.heard.text("output").endsWith("grüße\r\ngrüße\r\n"));
  run.session.sendInput(Buffer.from([4]));
  expect(await over(run)).toBe(0);
  expect(run.heard.text("output")).toMatch(/20 50\r\n$/);
});

test("Ctrl-C in a terminal interrupts what is in the foreground", async () => {
  // A shell misses what comes while it starts a program, so that program says that it is up.
  const script = "sh -c 'echo up; exec sleep 100'; echo after $?";
  const run = await start(sh(script), { ...plainStart, input: "all", pty });
  await run.heard.until(() => run.heard.text("output") === "up\r\n");
  run.session.sendInput(Buffer.from([3]));
  expect(await over(run)).toBe(130);
});

test("unbuffered output goes into a terminal that changes no byte", async () => {
  const run = await start(sh("[ -t 1 ] && [ ! -t 0 ] && printf 'a\\nb'"), {
    ...plainStart,
    unbuffered: true,
  });
  expect(await over(run)).toBe(0);
  expect(run.heard.text("output")).toBe("a\nb");
});

/** A listener that is not the client. */
async function stranger(answer: (socket: Socket) => void) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = { hosts: ["127.0.0.1"], port, socket: "gleaner-run-none", bootId: "" };
  const child = attach(client, ["echo", "never"]);
  const [code] = await once(child, "exit");
  server.close();
  return code;
}

test("a stranger that listens where the client should gets nothing started", async () => {
  const proof = `nonce=${"0".repeat(64)}\0proof=${"0".repeat(64)}\0`;
  const code = await stranger((socket) => {
    socket.on("error", () => undefined);
    socket.write(encodeRunFrame("clientProof", 0, Buffer.from(proof)));
    socket.write(encodeRunFrame("accepted"));
  });
  expect(code).toBe(121);
});

test("finds a client on another machine by its address, after those that do not answer", async () => {
  const hosts = ["127.0.0.1", "nowhere.invalid"];
  const run = await start(["echo", "here"], plainStart, { client: { hosts, bootId: "" } });
  expect(await over(run)).toBe(0);
  expect(run.heard.text("output")).toBe("here\n");
});

test("whatever a client sends, the program ends cleanly", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const run = await start(sh("sleep 100"), { ...plainStart, input: "all", pty });
    const socket = socketOf(run);
    const frames = Array.from({ length: 50 }, () => {
      const frame = Buffer.concat([Buffer.alloc(8), randomBytes(randomInt(64))]);
      frame.writeUInt32LE(frame.length - 8, 0);
      frame[4] = [16, 17, 18][randomInt(3)]!;
      frame[6] = randomInt(3);
      return frame;
    });
    socket.write(Buffer.concat([...frames, randomBytes(200)]));
    run.session.hangUp();
    // The sanitizers would end it with another status.
    expect(await run.exited).toBe(122);
  }
});

test("a length beyond the limit ends the run", async () => {
  const run = await start(sh("sleep 100"));
  const lie = encodeRunFrame("input");
  lie.writeUInt32LE(0xffff_ffff, 0);
  socketOf(run).write(lie);
  expect(await run.exited).toBe(122);
});

test("more input than may be sent ahead ends the run", async () => {
  const run = await start(sh("sleep 100"), { ...plainStart, input: "all" });
  for (let at = 0; at < 4; at++) run.session.sendInput(Buffer.alloc(60_000));
  expect(await run.exited).toBe(122);
});
