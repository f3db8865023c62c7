// Malicious functions and requests on a real site: what they can reach, and what works regardless.

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createSocket } from "node:dgram";
import { appendFileSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { until } from "../../scripts/cluster/until.js";
import { exchange } from "../../src/sdk/http/exchange.js";
import type { ChallengeAnswer } from "../../src/wire/api/types.js";
import { protocolVersion } from "../../src/wire/messages.js";
import { credentialPayload, shownEndpoint } from "../../src/wire/munge/credential.js";
import { otherUser, type TestSite, testSite, user } from "../support/site/site.js";

jest.setTimeout(80_000);
let at: TestSite;
/** No other test on this machine sleeps exactly so long. */
const seconds = 200_000 + process.pid;

beforeAll(async () => {
  at = await testSite({
    nodes: 1,
    cpus: 4,
    memoryMb: 8_000,
    config: { functions: { killWaitMs: 200 } },
  });
});
afterAll(() => at?.site.stop());

const run = async (args: string[], as = user) => (await at.ended(await at.submit(args, as)))[0]!;
const quiet = ["-o", "/dev/null", "-e", "/dev/null"];
const shell = (text: string, as: string) =>
  execFileSync(
    "setpriv",
    ["--reuid", as, "--regid", "nogroup", "--init-groups", "sh", "-c", text],
    {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
const sleepers = () => shell(`pgrep -fx 'sleep ${seconds}' || true`, user).split("\n").length - 1;

function credential(payload: string): string {
  const socket = join(at.site.cluster.dir, "munge", "sock");
  const args = ["--reuid", user, "--clear-groups", "munge", `--socket=${socket}`];
  return execFileSync("setpriv", args, { input: payload, encoding: "utf8" }).trim();
}

/** Answers a challenge of gleanerd's. */
async function tokenCredential(): Promise<string> {
  const challenge = await exchange(address(), { method: "GET", path: "/v1/challenge" });
  return credential(
    credentialPayload({
      address: shownEndpoint(address()),
      ...(challenge as ChallengeAnswer),
    }),
  );
}

const address = () => ({ host: "127.0.0.1", port: at.site.ports.apiPort });
const askToken = async (made: string): Promise<string> =>
  (
    (await exchange(address(), {
      method: "POST",
      path: "/v1/token",
      body: { credential: made },
    })) as {
      token: string;
    }
  ).token;
/** Control characters but the end of a line, and those that turn the direction of text. */
const steering = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

/** Submits past the CLI, which refuses much of this itself; returns the id. */
async function send(change: Record<string, unknown>): Promise<string> {
  const plain = {
    name: "x",
    command: { kind: "argv", argv: ["true"] },
    cores: 1,
    memoryMb: 50,
    memoryPerCoreMb: null,
    timeLimitMs: 1_000,
    workingDirectory: "/tmp",
    stdoutPattern: "/dev/null",
    stderrPattern: null,
    environment: {},
    arrayTasks: null,
  };
  const token = await askToken(await tokenCredential());
  const body = { requestId: randomUUID(), submission: { ...plain, ...change } };
  const answer = await exchange(address(), {
    method: "POST",
    path: "/v1/invocations",
    token,
    body,
  });
  return String((answer as { id: number }).id);
}

describe("a function", () => {
  test("still has a time limit if its output is a pipe that nobody reads", async () => {
    const pipe = join(at.work, "pipe");
    shell(`mkfifo ${pipe}`, user);
    const ended = await run(["-t", "1s", "-o", pipe, "--wrap=true"]);
    expect(ended.state).toBe("TIMEOUT");
  });

  test("opens its output as its user, even through links, in /proc and in cgroups", async () => {
    const secret = join(at.work, "secret");
    writeFileSync(secret, "kept", { mode: 0o600 });
    symlinkSync(secret, join(at.work, "link"));
    const forbidden = [
      join(at.work, "link"),
      "/etc/passwd",
      ...[3, 4, 5, 10, 11].map((fd) => `/proc/self/fd/${fd}`),
      "/proc/self/mem",
      "/sys/fs/cgroup/unified/cgroup.procs",
    ];
    const ids = await Promise.all(
      forbidden.map((path) => at.submit(["-o", path, "--wrap=echo ended 0 0 1 1 1 1 0"])),
    );
    const states: string[] = [];
    for (const id of ids) states.push((await at.ended(id))[0]!.state);
    expect(forbidden.filter((_, each) => states[each] !== "FAILED")).toEqual([]);
    expect(readFileSync(secret, "utf8")).toBe("kept");
  });

  test("gains no privilege, reads no secret and cannot change its confinement", async () => {
    const { state, run: running, logs } = at.site.files;
    const text = `grep NoNewPrivs /proc/self/status
holder=$(awk '/^PPid/{print $2}' /proc/$$/status)
kill -9 $holder && echo killed the supervisor
cat /proc/$holder/environ && echo read its environment
for tree in memory cpu unified; do echo $$ > /sys/fs/cgroup/$tree/cgroup.procs && echo left $tree; done
ls ${state} ${running} ${logs} && echo listed
cat ${join(state, "key")} ${join(state, "gleaner.db")} && echo read the state
true`;
    const file = join(at.work, "powers");
    const ended = await run(["-o", file, "-e", "/dev/null", `--wrap=${text}`]);
    expect(ended.state).toBe("COMPLETED");
    expect(readFileSync(file, "utf8")).toBe("NoNewPrivs:\t1\n");
  });

  test("that stops itself, ignores SIGTERM or hides its children ends with all of them", async () => {
    const texts = [
      `trap '' TERM; sleep ${seconds} & kill -STOP $$`,
      `trap '' TERM; (setsid sh -c 'trap "" TERM; sleep ${seconds}' &) ; sleep ${seconds}`,
    ];
    for (const text of texts)
      expect((await run(["-t", "1s", ...quiet, `--wrap=${text}`])).state).toBe("TIMEOUT");
    expect(sleepers()).toBe(0);
  });

  test("cannot fill the node's process table", async () => {
    const file = join(at.work, "forks");
    // Tells how many it got; one that got them all waits for whoever ends it for that.
    const text = `exec perl -e '
      while ($n < 3000) { $pid = fork; last unless defined $pid; sleep ${seconds} unless $pid; $n++ }
      print $n; $n < 3000 or sleep ${seconds}'`;
    const args = ["-c", "1", "--mem=2G", "-t", "1m", "-o", file, "-e", "/dev/null"];
    const ended = await run([...args, `--wrap=${text}`]);
    // A cgroup refused the next one; where there is none for it, glean-spawn ended it.
    if (ended.state === "COMPLETED") expect(readFileSync(file, "utf8")).toBe("127");
    else expect(ended.reason).toMatch(/^it exceeded 128 processes/);
    expect(shell(`pgrep -fc '[s]leep ${seconds}' || true`, user).trim()).toBe("0");
  });

  test("leaves no memory behind in /dev/shm", async () => {
    const left = `/dev/shm/gleaner-test-${process.pid}`;
    const ended = await run([
      ...quiet,
      "--mem=100M",
      `--wrap=head -c 10000000 /dev/zero > ${left}`,
    ]);
    const isThere = existsSync(left);
    shell(`rm -f ${left}`, user);
    expect([ended.state, isThere]).toEqual(["COMPLETED", false]);
  });
});

describe("requests", () => {
  test("cannot disconnect an executor with an order that it refuses", async () => {
    const [before] = (await at.info()).nodes;
    const many = Array.from({ length: 17_000 }, (_, key) => [`K${key}`, ""]);
    const id = await send({ environment: Object.fromEntries(many) }).catch(() => null);
    if (id !== null) expect((await at.ended(id))[0]!.attempt).toBeLessThanOrEqual(1);
    expect((await at.info()).nodes[0]!.executor!.id).toBe(before!.executor!.id);
    expect(readFileSync(at.site.files.daemonLog, "utf8")).not.toContain("executor disconnected");
  });

  test("need a fresh credential made for this service, and show no other user's work", async () => {
    const made = await tokenCredential();
    await askToken(made);
    await expect(askToken(made)).rejects.toThrow(/[Rr]eplayed/);
    await expect(askToken(credential("another"))).rejects.toThrow(/another service/);
    const id = await at.submit([...quiet, "--wrap=true"]);
    await at.ended(id);
    for (const verb of ["show", "explain", "cancel"])
      expect((await at.site.glean([verb, id], { user: otherUser })).stderr).toContain(
        "another user",
      );
  });

  test("put no control sequences into a terminal", async () => {
    const name = "a\u001b[31m\nb\u009b2J\u202e";
    const id = await send({ name, workingDirectory: `/none${name}` });
    await at.ended(id);
    for (const args of [
      ["queue", "-t", "all"],
      ["acct", "-j", id],
      ["show", id],
    ])
      expect(await at.site.gleanOrThrow(args)).not.toMatch(steering);
  });
});

describe("strangers on the network", () => {
  test("cannot record hook events of nodes that do not exist", async () => {
    const file = join(at.site.files.state, "gleaner.db");
    const count = () => {
      const database = new Database(file, { readonly: true });
      try {
        return database.prepare("SELECT count(*) FROM hook_event").pluck().get() as number;
      } finally {
        database.close();
      }
    };
    const before = count();
    const { clusterName } = await at.info();
    const socket = createSocket("udp4");
    const send = (text: string) =>
      new Promise<void>((resolve, reject) => {
        socket.send(text, at.site.ports.executorPort, "127.0.0.1", (error) =>
          error ? reject(error) : resolve(),
        );
      });
    for (let job = 1; job <= 500; job++) await send(`wake ${clusterName} stranger${job} ${job}\n`);
    await send("x".repeat(60_000));
    socket.close();
    // A submission's answer comes after its own commit, which follows those of the datagrams.
    await run([...quiet, "--wrap=true"]);
    expect(count() - before).toBe(0);
  });

  test("cannot block the executors' port", async () => {
    const port = at.site.ports.executorPort;
    const idle = Array.from({ length: 300 }, () =>
      connect(port, "127.0.0.1").on("error", () => {}),
    );
    const { executor } = (await at.info()).nodes[0]!;
    const hello = Buffer.from(
      JSON.stringify({ protocolVersion, executor: executor!.id, nonce: "0".repeat(64) }),
    );
    const proof = Buffer.from(JSON.stringify({ type: "proof", proof: "0".repeat(64) }));
    const framed = (content: Buffer) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(content.length);
      return Buffer.concat([length, content]);
    };
    for (const bytes of [
      Buffer.from("ffffffff", "hex"),
      Buffer.alloc(100_000, 65),
      Buffer.concat([framed(hello), framed(proof)]),
    ])
      await new Promise<void>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
        socket
          .on("error", () => {})
          .on("close", () => resolve())
          .resume();
      });
    expect((await run([...quiet, "--wrap=true"])).state).toBe("COMPLETED");
    expect((await at.info()).nodes[0]!.executor!.id).toBe(executor!.id);
    for (const socket of idle) socket.destroy();
  });
});

describe("killing", () => {
  test("gleanerd: attempts that end meanwhile are recorded and not run again", async () => {
    const log = join(at.work, "ran");
    appendFileSync(log, "", { mode: 0o666 });
    execFileSync("chmod", ["666", log]);
    const gate = join(at.work, "gate");
    const text = `while [ ! -e ${gate} ]; do sleep 0.05; done; echo $GLEANER_INVOCATION_ID >> ${log}`;
    const id = await at.submit([...quiet, "-a", "0-3", `--wrap=${text}`]);
    await at.runs(id);
    await at.site.endDaemon("SIGKILL");
    writeFileSync(gate, "");
    const lines = () => readFileSync(log, "utf8").trim().split("\n");
    await at.until("all four", () => lines().length === 4 || undefined);
    await at.site.startDaemon();
    const ended = await at.ended(id);
    expect(ended.map(({ state, attempt }) => [state, attempt])).toEqual(
      Array(4).fill(["COMPLETED", 1]),
    );
    expect(lines()).toHaveLength(4);
  });

  test("executors: each is replaced within seconds", async () => {
    for (let round = 0; round < 8; round++) {
      const ready = () =>
        at
          .info()
          .then(({ nodes: [only] }) =>
            only!.executor?.state === "ready" ? only!.executor.id : undefined,
          );
      const first = await at.until("an executor", ready);
      process.kill(at.executorPid("n1"), "SIGKILL");
      await until(
        10_000,
        async () => {
          const next = await ready();
          return next !== undefined && next !== first ? true : undefined;
        },
        () => new Error(`killed for the ${round + 1}th time, it had no successor in 10 s`),
      );
    }
    const check = JSON.parse(await at.site.gleanOrThrow(["bill", "--verify", "--json"])) as object;
    expect(check).toMatchObject({ balanced: true, differences: [] });
  });
});

describe("a submission", () => {
  test("cannot crash gleanerd with a document that no frame holds", async () => {
    const pid = at.site.daemonPid;
    const longest = {
      name: "\u20ac".repeat(256),
      command: {
        kind: "script",
        body: `#!/bin/sh\n${"#".repeat(4 * 1024 * 1024 - 20)}`,
        args: ["a".repeat(900_000)],
      },
      stdoutPattern: `${"%x".repeat(2_047)}ab`,
      stderrPattern: "%x".repeat(2_048),
      environment: { A: "a".repeat(1024 * 1024 - 100) },
    };
    // Refused, or taken in and failed with a reason: both are fine.
    const id = await send(longest).catch(() => null);
    if (id !== null) expect((await at.ended(id))[0]!.state).toBe("FAILED");
    expect((await run([...quiet, "--wrap=true"])).state).toBe("COMPLETED");
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    expect(readFileSync(at.site.files.daemonLog, "utf8")).not.toMatch(/"level":[56]0|Node\.js v/);
  });
});
