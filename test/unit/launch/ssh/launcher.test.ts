// The ssh launcher against a real sshd: what is trusted, what is refused, what survives.

import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { claimBlock } from "../../../../scripts/cluster/ports.js";
import type { Launcher } from "../../../../src/core/ports/launcher.js";
import { createSshLauncher, type SshLauncherOptions } from "../../../../src/launch/ssh/launcher.js";
import { nodeName } from "../../../../src/model/ids.js";
import { killAndWait } from "../../../support/launch/recorder.js";
import { address, executor, sshLaunches } from "../../../support/launch/ssh-launches.js";
import { makeKey, type TestSshd } from "../../../support/launch/sshd.js";

const n1 = nodeName("n1");
const secret = randomBytes(16).toString("hex");
const inputOf = (node: string, more = "") => JSON.stringify({ node, secret, more });

let sshd: TestSshd;
let folder: string;
let options: SshLauncherOptions;
const ssh = sshLaunches((node) => {
  ({ sshd, folder, options } = node);
});

function know(...lines: string[]): void {
  writeFileSync(options.knownHosts, `${lines.join("\n")}\n`);
}

const launcherWith = (changed: Partial<SshLauncherOptions> = {}) =>
  ssh.launcherWith({ ...options, ...changed });
const launch = (launcher: Launcher, node = "n1", more = "") =>
  ssh.launch(launcher, node, inputOf(node, more), folder);
const refusal = (launcher: Launcher) => ssh.refusal(launcher, inputOf("n1"));

describe("starting by ssh", () => {
  test("gives the executor its input, its own session, a bare environment and a private log", async () => {
    const record = await launch(launcherWith());
    expect(record.input).toBe(`${inputOf("n1")}\n`);
    expect(record.session).toBe(String(record.pid));
    expect(Object.keys(record.environment)).toEqual(["PATH", "NODE_OPTIONS"]);
    expect([record.directory, record.umask]).toEqual(["/", 0o077]);
    expect(record.coreBytes).toBe("0");
    const log = join(options.logDirectory, "executor-n1.log");
    expect(readFileSync(log, "utf8")).toBe("started\n");
    expect(statSync(log).mode & 0o777).toBe(0o600);
  });

  test("may be many at once on nodes to which a connection is open", async () => {
    const launcher = launcherWith();
    expect(launcher.startsAtOnce?.()).toBe(64);
    await launch(launcher);
    expect(launcher.startsAtOnce?.()).toBe(65);
  });

  test("delivers an input larger than a pipe completely", async () => {
    const more = "x".repeat(300_000);
    expect((await launch(launcherWith(), "n1", more)).input).toBe(`${inputOf("n1", more)}\n`);
  });

  test("creates a missing log folder, private to its owner", async () => {
    const logDirectory = join(folder, "new");
    await launch(launcherWith({ logDirectory }));
    expect(statSync(logDirectory).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(logDirectory, "executor-n1.log"), "utf8")).toBe("started\n");
  });

  test("lets the executor survive the end of the connection", async () => {
    const launcher = launcherWith();
    await launch(launcher);
    await launcher.close();
    await sshd.dropConnections();
    expect(await launcherWith().probe(n1, address, executor)).toBe("running");
  });

  test("shows the secret in no process's arguments or environment", async () => {
    const { pid } = await launch(launcherWith());
    const showing = (text: string) =>
      readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .filter((each) =>
          ["cmdline", "environ"].some((file) => readProc(each, file).includes(text)),
        );
    expect(showing(options.executorProgram)).toEqual([String(pid)]); // the search does find things
    expect(showing(secret)).toEqual([]);
  });

  test("distinguishes a running executor from one that is gone", async () => {
    const launcher = launcherWith();
    expect(await launcher.probe(n1, address, executor)).toBe("gone");
    const { pid } = await launch(launcher);
    expect(await launcher.probe(n1, address, executor)).toBe("running");
    const mark = join(options.runDirectory, "n1/executor.pid");
    writeFileSync(mark, readFileSync(mark, "utf8").replace(/startTicks=\d+/, "startTicks=1"));
    expect(await launcher.probe(n1, address, executor)).toBe("gone");
    await killAndWait(pid);
    expect(await launcher.probe(n1, address, executor)).toBe("gone");
  });

  test.each<[string, Partial<SshLauncherOptions>, string]>([
    ["Node", { node: "/nowhere/node" }, "programs.node"],
    ["the executor", { executorProgram: "/nowhere/executor.cjs" }, "programs.executor"],
    [
      "the folder of the log's folder",
      { logDirectory: "/nowhere/log" },
      "/nowhere/log/executor-n1.log",
    ],
  ])("names %s if missing on the node", async (_, wrong, named) => {
    expect(await refusal(launcherWith(wrong))).toContain(named);
  });

  test("refuses a path that a shell could misread at once", () => {
    for (const node of ["/bin/a'b", "/bin/$(id)", "bin/node", "/bin/../x", "/bin/a\nb"])
      expect(() => createSshLauncher({ ...options, node })).toThrow("programs.node");
  });
});

describe("the kept connection", () => {
  test("serves many commands, also concurrently", async () => {
    const before = sshd.logins();
    const launcher = launcherWith();
    await Promise.all(["n1", "n2", "n3"].map((node) => launch(launcher, node)));
    await Promise.all(Array.from({ length: 12 }, () => launcher.probe(n1, address, executor)));
    expect(sshd.logins() - before).toBe(1);
  });

  test("is reopened after it broke", async () => {
    const before = sshd.logins();
    const launcher = launcherWith();
    await launch(launcher);
    await sshd.dropConnections();
    await launch(launcher, "n2");
    expect(sshd.logins() - before).toBe(2);
  });

  test("is not opened after the launcher was closed", async () => {
    const launcher = launcherWith();
    await launcher.close();
    expect(await refusal(launcher)).toContain("closed");
  });
});

describe("a host key", () => {
  const host = () => `[${address}]:${sshd.port}`;
  /** A key of the same type that is not the server's. */
  const otherKey = () => makeKey(folder, "other", "ed25519");

  test("that is unknown is refused, with advice on how to add it", async () => {
    know(`${address} ${sshd.hostKeys.ed25519}`); // of another port
    expect(await refusal(launcherWith())).toContain(`ssh-keyscan -p ${sshd.port} ${address}`);
  });

  test("that changed is refused, with the line of the old one", async () => {
    know("# ours", `${host()} ${otherKey()}`);
    const message = await refusal(launcherWith());
    expect(message).toContain("another host key");
    expect(message).toContain(`line 2 of ${options.knownHosts}`);
  });

  test("that is revoked is refused even if it is also listed as valid", async () => {
    const key = sshd.hostKeys.ed25519;
    know(`${host()} ${key}`, `@revoked * ${key}`);
    expect(await refusal(launcherWith())).toContain("revoked in line 2");
  });

  test("is requested in the type that is known", async () => {
    know(`${host()} ${sshd.hostKeys.rsa}`);
    await launch(launcherWith());
  });

  test("of no known type is refused", async () => {
    know(`${host()} ${makeKey(folder, "other", "ecdsa")}`);
    expect(await refusal(launcherWith())).toContain("no key of the types");
  });

  test("is found in a hashed entry", async () => {
    const salt = randomBytes(20);
    const hash = createHmac("sha1", salt).update(host()).digest("base64");
    know(`|1|${salt.toString("base64")}|${hash} ${sshd.hostKeys.ed25519}`);
    await launch(launcherWith());
  });

  test("is read again from a corrected file", async () => {
    const launcher = launcherWith();
    know(`${host()} ${otherKey()}`);
    await refusal(launcher);
    know(`${host()} ${sshd.hostKeys.ed25519}`, "# corrected");
    await launch(launcher);
  });

  test("leads to an error that names a missing file", async () => {
    const knownHosts = join(folder, "none");
    expect(await refusal(launcherWith({ knownHosts }))).toContain(knownHosts);
  });
});

describe("a login is refused with", () => {
  test("a key that the node does not accept", async () => {
    makeKey(folder, "stranger", "ed25519");
    const message = await refusal(launcherWith({ privateKey: join(folder, "stranger") }));
    expect(message).toContain("authorized_keys");
  });

  test("a private key that others may read", async () => {
    const privateKey = join(folder, "open");
    copyFileSync(sshd.clientKey, privateKey);
    chmodSync(privateKey, 0o640);
    expect(await refusal(launcherWith({ privateKey }))).toContain(`chmod 600 ${privateKey}`);
  });

  test("a file that is no private key", async () => {
    const privateKey = join(folder, "garbage");
    writeFileSync(privateKey, "no key", { mode: 0o600 });
    expect(await refusal(launcherWith({ privateKey }))).toContain("ssh-keygen");
  });
});

describe("an unreachable host", () => {
  const knowPort = (port: number) => know(`[${address}]:${port} ${sshd.hostKeys.ed25519}`);

  test("is reported at once if its port is closed, and a probe returns unknown", async () => {
    const { first: port, release } = await claimBlock(1);
    knowPort(port);
    const launcher = launcherWith({ port });
    expect(await refusal(launcher)).toContain("ECONNREFUSED");
    expect(await launcher.probe(n1, address, executor)).toBe("unknown");
    release();
  });

  test("is given up at the time limit if it accepts but never speaks", async () => {
    const silent = createServer().listen(0, address);
    await once(silent, "listening");
    const { port } = silent.address() as { port: number };
    knowPort(port);
    const sockets = new Set<{ destroy(): void }>();
    silent.on("connection", (socket) => sockets.add(socket));
    expect(await refusal(launcherWith({ port, connectTimeoutMs: 50 }))).toContain("within 50 ms");
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

test("connections to sixteen hosts are opened at once, and the others wait", async () => {
  const silent = createServer().listen(0, "0.0.0.0");
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  const sockets = new Set<{ destroy(): void }>();
  silent.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  know(`[127.0.0.*]:${port} ${sshd.hostKeys.ed25519}`);
  const launcher = launcherWith({ port });
  const launches = Array.from({ length: 20 }, (_, index) =>
    launcher.launch(n1, `127.0.0.${index + 1}`, executor, "").catch(() => {}),
  );
  while (sockets.size < 16) await once(silent, "connection");
  const another = once(silent, "connection").then(() => sockets.size);
  for (const socket of [...sockets].slice(0, 1)) socket.destroy();
  expect(await another).toBe(17);
  await launcher.close();
  await Promise.all(launches);
  expect(sockets.size).toBe(17);
  silent.close();
});

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return ""; // ended meanwhile
  }
}
