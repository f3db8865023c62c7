// Several hosts on this machine: each has its own network, mounts, name and processes, and a cable
// to one switch.
//
// Nothing outlives the test, however it ends: no namespace has a name, each is held by a process
// that reads from us, and the kernel takes away cables, addresses and processes with them.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import type { Socket } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { ensureInstalled } from "../../../scripts/cluster/cluster.js";
import { type ClusterProcess, readProcess } from "../../../scripts/cluster/processes/processes.js";
import { childrenOf } from "../launch/sshd.js";

/**
 * Networks of 254 hosts in 198.18.0.0/15, which is kept for tests of networks: nobody is reached
 * there.
 */
const networks = 512;
const firstHost = 11;
const maxHosts = 200;

/** What this machine's root has in them may take longer than all that is tested. */
const startUpFiles = [join(homedir(), ".bashrc")].filter((path) => existsSync(path));

/**
 * Held open for as long as a namespace is needed; bash, as a host's first process, reaps orphans.
 */
const hold = "echo ready; read -r _";

export class Network {
  private readonly hosts: Host[] = [];

  private constructor(
    private readonly number: number,
    private readonly holder: ChildProcess,
  ) {}

  /** A switch, and a cable from it to this machine; only root may. */
  static async open(): Promise<Network> {
    await ensureInstalled(["ip=iproute2"]);
    const script = `ip link add switch type bridge && ip link set switch up && ${hold}`;
    const holder = await held(["unshare", "--net", "bash", "-c", script]);
    // The kernel gives a name to one only, so whoever gets the interface has the network.
    for (let number = process.pid % networks, tries = 0; tries < networks; tries++) {
      if (connectSwitch(number, holder.pid!)) return new Network(number, holder);
      number = (number + 1) % networks;
    }
    holder.kill("SIGKILL");
    throw new Error("there is no free network: look who left interfaces named gleaner…");
  }

  /** The end of the cable on this machine. */
  get interface(): string {
    return interfaceOf(this.number);
  }

  /** Where hosts reach this machine. */
  get controller(): string {
    return addressIn(this.number, 1);
  }

  /**
   * A new host. `ownFolders` are paths of this machine that are empty folders of root there;
   * `without` names programs of this machine that cannot be run there.
   */
  async addHost(
    name: string,
    ownFolders: readonly string[],
    without: readonly string[] = [],
  ): Promise<Host> {
    const index = this.hosts.length;
    if (index >= maxHosts) throw new Error(`a network has at most ${maxHosts} hosts`);
    const mounts = [
      ...ownFolders.map((path) => `mount -t tmpfs -o mode=0700 own ${path}`),
      ...[...without, ...startUpFiles].map((path) => `mount --bind /dev/null ${path}`),
    ];
    const script = [...mounts, `hostname ${name}`, "ip link set lo up", hold].join(" && ");
    const namespaces = ["--net", "--mount", "--uts", "--pid", "--fork", "--mount-proc"];
    const holder = await held(["unshare", ...namespaces, "--kill-child", "bash", "-c", script]);
    const address = addressIn(this.number, firstHost + index);
    const host = new Host(name, address, childrenOf(holder.pid!)[0]!, this.holder.pid!, holder);
    this.hosts.push(host);
    host.plugIn(`port${index}`);
    return host;
  }

  async close(): Promise<void> {
    for (const host of this.hosts) await host.remove();
    await end(this.holder);
  }
}

export class Host {
  private port = "";

  constructor(
    readonly name: string,
    readonly address: string,
    /** Its first process, as seen from here. */
    private readonly init: number,
    private readonly switchPid: number,
    private readonly holder: ChildProcess,
  ) {}

  /** The words that a command is put behind to run in this host. */
  get enter(): readonly string[] {
    return ["nsenter", `--target=${this.init}`, "--net", "--mount", "--uts", "--pid", "--"];
  }

  /** A path of the host's, as a path of this machine. */
  path(path: string): string {
    return `/proc/${this.init}/root${path}`;
  }

  /** Used by the network: a cable from the switch. */
  plugIn(port: string): void {
    this.port = port;
    inNetwork(this.switchPid, [
      `link add ${port} type veth peer name eth0 netns ${this.init}`,
      `link set ${port} master switch up`,
    ]);
    inNetwork(this.init, [`addr add ${this.address}/24 dev eth0`, "link set eth0 up"]);
  }

  /** Pulls the cable or puts it in again, at the switch. */
  setLink(state: "up" | "down"): void {
    inNetwork(this.switchPid, [`link set ${this.port} ${state}`]);
  }

  /** Runs a command there to its end; returns what it printed. */
  run(...command: string[]): string {
    const [program, ...args] = [...this.enter, ...command];
    return execFileSync(program!, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Starts a command there, which may go on until the host is removed. */
  start(...command: string[]): ChildProcess {
    const [program, ...args] = [...this.enter, ...command];
    return spawn(program!, args, { stdio: ["ignore", "pipe", "inherit"] });
  }

  /** Its processes, with the pids that they have here. */
  processes(): readonly ClusterProcess[] {
    const own = namespaceOf(this.init);
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && namespaceOf(Number(name)) === own)
      .flatMap((name) => readProcess(Number(name)) ?? []);
  }

  /** All its processes are killed, and what it had is gone. */
  async remove(): Promise<void> {
    await end(this.holder);
  }
}

const interfaceOf = (network: number) => `gleaner${network}`;

function addressIn(network: number, host: number): string {
  return `198.${18 + Math.floor(network / 256)}.${network % 256}.${host}`;
}

/** false: the network is another's. */
function connectSwitch(number: number, switchPid: number): boolean {
  const name = interfaceOf(number);
  try {
    ip(["link", "add", name, "type", "veth", "peer", "name", "up0", "netns", `${switchPid}`]);
  } catch (thrown) {
    if (String(thrown).includes("File exists")) return false;
    throw thrown;
  }
  ip(["addr", "add", `${addressIn(number, 1)}/24`, "dev", name]);
  ip(["link", "set", name, "up"]);
  inNetwork(switchPid, ["link set up0 master switch up"]);
  return true;
}

function ip(args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

function inNetwork(pid: number, lines: readonly string[]): void {
  const args = [`--target=${pid}`, "--net", "--", "ip", "-batch", "-"];
  execFileSync("nsenter", args, { input: lines.join("\n"), stdio: ["pipe", "ignore", "pipe"] });
}

/** Starts a program that says when it is ready, and ends when we do. */
async function held([program, ...args]: string[]): Promise<ChildProcess> {
  const child = spawn(program!, args, { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr!.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = once(child, "exit").then(() => Promise.reject(new Error(said)));
  await Promise.race([once(child.stdout!, "data"), ended]);
  ended.catch(() => {});
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket).unref();
  child.unref();
  return child;
}

async function end(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return;
  const ended = once(holder, "exit");
  holder.ref();
  holder.stdin!.destroy();
  await ended;
}

function namespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null; // it has ended
  }
}
