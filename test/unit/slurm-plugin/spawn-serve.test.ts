// glean-spawn's server: many attempts at once, frames that are wrong, and what remains when it or
// its executor dies.

import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { makePlugin, pluginFolder } from "../../support/executor/plugin.js";
import {
  type Field,
  type Fifo,
  frame,
  type Server,
  SpawnFolder,
} from "../../support/executor/spawn.js";

const sanitized = path.join(pluginFolder, "asan", "glean-spawn");
const asRoot = process.getuid?.() === 0 ? test : test.skip;
const maxRequestBytes = 8 * 1024 * 1024;

let at: SpawnFolder;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new SpawnFolder();
});
afterEach(() => at.remove());

const nowhere: Field[] = [
  ["stdout", "/dev/null"],
  ["stderr", "/dev/null"],
];

/** The lines of an attempt up to its last one, without its id; others' are dropped. */
async function linesOf(server: Server, id: number): Promise<string[]> {
  const lines: string[] = [];
  while (!lines.at(-1)?.startsWith("gone")) {
    const line = await server.next();
    if (line.startsWith(`${id} `)) lines.push(line.slice(`${id} `.length));
  }
  return lines;
}

/** Starts a command that says that it is up and sleeps. */
async function startSleeper(server: Server, id: number) {
  const pipe: Fifo = at.fifo();
  const script = "echo up; exec sleep 1000";
  const request = at.command(["sh", "-c", script], [["stdout", pipe.name]]);
  server.socket.write(frame(id, "R", request));
  const reader = pipe.open();
  expect(await reader.line()).toBe("up");
  return { reader, pid: Number((await server.next()).split(" ")[2]) };
}

const parentOf = (pid: number): number => {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")")).split(" ")[2]);
};

async function close(server: Server): Promise<number | null> {
  server.socket.end();
  return await server.exit;
}

describe("the server", () => {
  test("runs 200 attempts at once and reports each", async () => {
    const server = at.serve();
    const ids = Array.from({ length: 200 }, (_, index) => index + 1);
    const exits = (id: number) => at.command(["sh", "-c", `exit ${id % 100}`], nowhere);
    server.socket.write(Buffer.concat(ids.map((id) => frame(id, "R", exits(id)))));
    const lines = new Map<number, string[]>();
    for (let line = 0; line < 3 * ids.length; line++) {
      const [, id, text] = /^(\d+) (.*)$/.exec(await server.next())!;
      lines.set(Number(id), [...(lines.get(Number(id)) ?? []), text!]);
    }
    for (const id of ids) {
      const [started, ended, gone] = lines.get(id)!;
      expect(started).toMatch(/^started /);
      expect(ended!.split(" ").slice(0, 3)).toEqual(["ended", String(id % 100), "0"]);
      expect(gone).toBe("gone 0 0");
    }
    expect(await close(server)).toBe(0);
  }, 60_000);

  test("understands frames in any pieces", async () => {
    const server = at.serve(sanitized);
    const frames = Buffer.concat([1, 2].map((id) => frame(id, "R", at.command(["true"], nowhere))));
    for (const byte of frames) {
      server.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await linesOf(server, 2))[1]).toMatch(/^ended 0 0 /);
    expect(await close(server)).toBe(0);
  });

  test("refuses a request that is too large, and takes the next one", async () => {
    const server = at.serve();
    server.socket.write(frame(7, "R", Buffer.alloc(maxRequestBytes + 1)));
    server.socket.write(frame(8, "R", at.command(["true"], nowhere)));
    const { length } = Buffer.alloc(maxRequestBytes);
    expect(await server.next()).toBe(
      `7 failed request 7 the request has ${length + 1} bytes, at most ${length} are allowed`,
    );
    expect(await server.next()).toBe("7 gone 0 0");
    expect((await linesOf(server, 8))[1]).toMatch(/^ended 0 0 /);
    await close(server);
  });

  test("survives invalid requests", async () => {
    const server = at.serve(sanitized);
    server.socket.write(frame(1, "R"));
    server.socket.write(frame(2, "R", Buffer.from("garbage")));
    expect((await linesOf(server, 2))[0]).toMatch(/^failed request 22 /);
    server.socket.write(frame(3, "R", at.command(["true"], nowhere)));
    expect((await linesOf(server, 3))[1]).toMatch(/^ended 0 0 /);
    expect(await close(server)).toBe(0);
    expect(server.stderr()).toBe("");
  });

  test("ignores a request with the id of a running attempt, and control for an unknown id", async () => {
    const server = at.serve();
    const { reader, pid } = await startSleeper(server, 1);
    server.socket.write(frame(1, "R", at.command(["touch", at.file("second")], nowhere)));
    for (const kind of "TLNK") server.socket.write(frame(2, kind));
    server.socket.write(frame(3, "R", at.command(["true"], nowhere)));
    await linesOf(server, 3);
    expect(fs.existsSync(`/proc/${pid}`)).toBe(true);
    expect(fs.existsSync(at.file("second"))).toBe(false);
    server.socket.write(frame(1, "K"));
    expect((await linesOf(server, 1))[0]).toMatch(/^ended 0 9 /);
    await reader.ended;
    await close(server);
  });

  test.each([
    ["a kind that does not exist", frame(1, "X")],
    ["a control message with a body", frame(1, "K", Buffer.from("K"))],
    ["text", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ])("ends, and kills what runs, after %s", async (_what, bytes) => {
    const server = at.serve();
    const { reader } = await startSleeper(server, 9);
    server.socket.write(bytes);
    await reader.ended;
    expect(await server.exit).toBe(3);
  });

  test("runs nothing of a request that is cut off", async () => {
    const server = at.serve();
    const whole = frame(1, "R", at.command(["touch", at.file("ran")], nowhere));
    server.socket.end(whole.subarray(0, whole.length - 1));
    await expect(server.next()).rejects.toThrow("no more lines");
    expect(await server.exit).toBe(0);
    expect(fs.existsSync(at.file("ran"))).toBe(false);
  });

  asRoot("has loaded the name service before an attempt needs it", async () => {
    const line = /^passwd:(.*)$/m.exec(fs.readFileSync("/etc/nsswitch.conf", "utf8"))![1]!;
    const libraries = line
      .split(/\s+/)
      .map((service) => `/lib/x86_64-linux-gnu/libnss_${service}.so.2`)
      .filter((library) => fs.existsSync(library));
    const server = at.serve();
    server.socket.write(frame(1, "R"));
    await linesOf(server, 1);
    const maps = fs.readFileSync(`/proc/${server.child.pid}/maps`, "utf8");
    for (const library of libraries) expect(maps).toContain(path.basename(library));
    await close(server);
  });

  test("never crashes, whatever it reads", async () => {
    const valid = frame(1, "R", at.command(["/bin/true"], nowhere));
    const mutated = fc
      .array(fc.tuple(fc.nat(40), fc.nat(255)), { minLength: 1, maxLength: 3 })
      .map((changes) => {
        const copy = Buffer.concat([valid, frame(1, "T"), valid]);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });
    const random = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, random), async (bytes) => {
        const server = at.serve(sanitized);
        server.socket.end(bytes);
        expect([0, 3]).toContain(await server.exit);
        expect(server.stderr()).toBe("");
      }),
      { seed: 20261128, numRuns: 40 },
    );
  }, 60_000);
});

describe("attempts of one server", () => {
  test("are killed without a report when the server is killed", async () => {
    const server = at.serve();
    const sleepers = [await startSleeper(server, 1), await startSleeper(server, 2)];
    server.child.kill("SIGKILL");
    for (const { reader } of sleepers) await reader.ended;
    await expect(server.next()).rejects.toThrow("no more lines");
    await server.exit;
  });

  test("are killed when their executor closes the socket, as when it dies", async () => {
    const server = at.serve();
    const sleepers = [await startSleeper(server, 1), await startSleeper(server, 2)];
    server.socket.end();
    for (const { reader } of sleepers) await reader.ended;
    expect(await server.exit).toBe(0);
  });

  test("are signalled one by one", async () => {
    const server = at.serve();
    const [first, second] = [await startSleeper(server, 1), await startSleeper(server, 2)];
    server.socket.write(frame(2, "T"));
    expect((await linesOf(server, 2))[0]).toMatch(/^ended 0 15 /);
    expect(fs.existsSync(`/proc/${first.pid}`)).toBe(true);
    server.socket.write(frame(1, "K"));
    expect((await linesOf(server, 1))[0]).toMatch(/^ended 0 9 /);
    await Promise.all([first.reader.ended, second.reader.ended]);
    await close(server);
  });

  test("heed no signals that mean control messages from anyone but the server", async () => {
    const server = at.serve();
    const { pid } = await startSleeper(server, 1);
    const supervisor = parentOf(pid);
    for (const signal of ["SIGUSR1", "SIGUSR2"]) process.kill(supervisor, signal);
    process.kill(server.child.pid!, "SIGUSR1");
    server.socket.write(frame(2, "R", at.command(["true"], nowhere)));
    await linesOf(server, 2);
    expect(fs.existsSync(`/proc/${pid}`)).toBe(true);
    await close(server);
  });

  test("have no descriptors but the standard three, however many run", async () => {
    const server = at.serve();
    await startSleeper(server, 1);
    await startSleeper(server, 2);
    server.socket.write(frame(3, "R", at.command(["ls", "/proc/self/fd"])));
    await linesOf(server, 3);
    expect(at.output()).toBe("0\n1\n2\n3\n"); // 3 is the folder that ls reads
    await close(server);
  });

  asRoot("cannot signal or look into another user's, its supervisor or the server", async () => {
    const server = at.serve();
    const { pid } = await startSleeper(server, 1);
    const others = [pid, parentOf(pid), server.child.pid!].join(" ");
    const script = `for each in ${others}; do
  for signal in TERM USR1 HUP KILL; do kill -$signal $each 2>/dev/null && echo signalled $each; done
  for what in environ mem fd/3; do cat /proc/$each/$what 2>/dev/null && echo read $what of $each; done
  ls /proc/$each/fd 2>/dev/null
done; echo done`;
    const user: Field[] = [
      ["uid", "1"],
      ["gid", "1"],
      ["user", "daemon"],
      ["stderr", "/dev/null"],
    ];
    server.socket.write(frame(2, "R", at.command(["sh", "-c", script], user)));
    expect((await linesOf(server, 2))[1]).toMatch(/^ended 0 0 /);
    expect(at.output()).toBe("done\n");
    expect(fs.existsSync(`/proc/${pid}`)).toBe(true);
    await close(server);
  });
});
