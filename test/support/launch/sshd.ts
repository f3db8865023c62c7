// A real sshd of a test's own, with keys of its own: on 127.0.0.1, or on a host of the test's own.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ClaimedPorts, claimBlock } from "../../../scripts/cluster/ports.js";
import { killAndWait } from "./recorder.js";

export interface TestSshd {
  readonly port: number;
  /** Public host keys as in known_hosts, without the host: "ssh-ed25519 AAAA…". */
  readonly hostKeys: { readonly ed25519: string; readonly rsa: string | null };
  readonly clientKey: string;
  /** Logins so far. */
  logins(): number;
  /** Commands so far. */
  commands(): number;
  /** Ends the processes that serve connections; the sshd itself goes on. */
  dropConnections(): Promise<void>;
  stop(): Promise<void>;
}

/** Where an sshd runs. */
export interface SshdPlace {
  readonly address: string;
  readonly port: number;
  /** The words that a command is put behind to run there. */
  readonly enter: readonly string[];
  /** The folder of the key that is let in; default: that of the sshd itself. */
  readonly clientKeys?: string;
}

/** A key pair in the folder, unless it is there; returns the public half's type and text. */
export function makeKey(folder: string, name: string, type: string): string {
  const file = join(folder, name);
  if (!existsSync(file)) execFileSync("ssh-keygen", ["-q", "-N", "", "-t", type, "-f", file]);
  return readFileSync(`${file}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
}

/**
 * A real sshd with its own keys, which admits the user of this test; a second one in the same
 * folder has the same keys.
 */
export async function startSshd(folder: string, place?: SshdPlace): Promise<TestSshd> {
  const ed25519 = makeKey(folder, "host_ed25519", "ed25519");
  // Half a second each: hosts do without.
  const rsa = place === undefined ? makeKey(folder, "host_rsa", "rsa") : null;
  const claimed = place === undefined ? await claimBlock(1) : null;
  const { address, port, enter, clientKeys = folder } = place ?? onThisMachine(claimed!);
  writeFileSync(join(folder, "authorized"), `${makeKey(clientKeys, "client", "ed25519")}\n`);
  const conf = join(folder, "sshd_config");
  const types = rsa === null ? ["ed25519"] : ["ed25519", "rsa"];
  writeFileSync(conf, confText(folder, address, port, types));
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 }); // sshd refuses to start without it
  const [program, ...args] = [...enter, "/usr/sbin/sshd", "-D", "-e", "-f", conf];
  const daemon = spawn(program!, args, { stdio: ["ignore", "ignore", "pipe"] });
  const log = await logOf(daemon, "Server listening");
  // What enters a host's process namespace stays outside and waits for its child.
  const pid = enter.length === 0 ? daemon.pid! : childrenOf(daemon.pid!)[0]!;
  return {
    port,
    hostKeys: { ed25519, rsa },
    clientKey: join(clientKeys, "client"),
    logins: () => log().match(/Accepted publickey/g)?.length ?? 0,
    commands: () => log().match(/Starting session: command/g)?.length ?? 0,
    dropConnections: () => dropChildren(pid),
    async stop() {
      await dropChildren(pid);
      claimed?.release();
      if (daemon.exitCode !== null || daemon.signalCode !== null) return;
      const ended = once(daemon, "exit");
      process.kill(pid, "SIGKILL");
      await ended;
    },
  };
}

const onThisMachine = ({ first }: ClaimedPorts): SshdPlace => ({
  address: "127.0.0.1",
  port: first,
  enter: [],
});

function confText(folder: string, address: string, port: number, types: string[]): string {
  return [
    `Port ${port}`,
    `ListenAddress ${address}`,
    ...types.map((type) => `HostKey ${join(folder, `host_${type}`)}`),
    `AuthorizedKeysFile ${join(folder, "authorized")}`,
    `PidFile ${join(folder, "sshd.pid")}`,
    "UsePAM no",
    "StrictModes no",
    "PasswordAuthentication no",
    "LogLevel VERBOSE",
  ].join("\n");
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

export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
    return text.split(" ").filter(Boolean).map(Number);
  } catch {
    return []; // it has ended
  }
}

async function dropChildren(pid: number): Promise<void> {
  for (const child of childrenOf(pid)) await killAndWait(child);
}
