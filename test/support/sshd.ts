// A real sshd of a test's own, on 127.0.0.1 and with keys of its own.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { killAndWait } from "./recorder.js";

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

export interface TestSshd {
  readonly port: number;
  /** Public host keys as in known_hosts, without the host: "ssh-ed25519 AAAA…". */
  readonly hostKeys: { readonly ed25519: string; readonly rsa: string };
  readonly clientKey: string;
  /** Logins so far. */
  logins(): number;
  /** Commands so far. */
  commands(): number;
  /** Ends the processes that serve connections; the sshd itself goes on. */
  dropConnections(): Promise<void>;
  stop(): Promise<void>;
}

/** A key pair in the folder; returns the public half's type and text. */
export function makeKey(folder: string, name: string, type: string): string {
  execFileSync("ssh-keygen", ["-q", "-N", "", "-t", type, "-f", join(folder, name)]);
  return readFileSync(join(folder, `${name}.pub`), "utf8")
    .split(" ")
    .slice(0, 2)
    .join(" ");
}

/** A real sshd on 127.0.0.1 with keys of its own, which lets the user of this test in. */
export async function startSshd(folder: string): Promise<TestSshd> {
  const ed25519 = makeKey(folder, "host_ed25519", "ed25519");
  const rsa = makeKey(folder, "host_rsa", "rsa");
  writeFileSync(join(folder, "authorized"), `${makeKey(folder, "client", "ed25519")}\n`);
  const port = await freePort();
  const conf = join(folder, "sshd_config");
  writeFileSync(
    conf,
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${join(folder, "host_ed25519")}`,
      `HostKey ${join(folder, "host_rsa")}`,
      `AuthorizedKeysFile ${join(folder, "authorized")}`,
      `PidFile ${join(folder, "sshd.pid")}`,
      "UsePAM no",
      "StrictModes no",
      "PasswordAuthentication no",
      "LogLevel VERBOSE",
    ].join("\n"),
  );
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 }); // sshd refuses to start without it
  const daemon = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", conf], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const log = await logOf(daemon, "Server listening");
  return {
    port,
    hostKeys: { ed25519, rsa },
    clientKey: join(folder, "client"),
    logins: () => log().match(/Accepted publickey/g)?.length ?? 0,
    commands: () => log().match(/Starting session: command/g)?.length ?? 0,
    dropConnections: () => dropChildren(daemon.pid!),
    async stop() {
      await dropChildren(daemon.pid!);
      if (daemon.exitCode !== null) return;
      daemon.kill("SIGKILL");
      await once(daemon, "exit");
    },
  };
}

async function logOf(daemon: ChildProcess, ready: string): Promise<() => string> {
  let text = "";
  await new Promise<void>((resolve, reject) => {
    daemon.stderr!.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(ready)) resolve();
    });
    daemon.once("exit", () => reject(new Error(`sshd ended: ${text}`)));
    daemon.once("error", reject);
  });
  return () => text;
}

async function dropChildren(pid: number): Promise<void> {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ");
  for (const child of children.filter(Boolean)) await killAndWait(Number(child));
}
