// Keeps one ssh connection per node: opens it on demand, serialises commands, closes it when idle.

import { setMaxListeners } from "node:events";
import type { Client } from "ssh2";
import { Semaphore } from "../../limits/semaphore.js";
import { GleanerError } from "../../model/errors.js";
import { type Begun, begin, type CommandResult } from "./command.js";
import { connect, type SshOptions } from "./connect.js";
import { createTrust } from "./files.js";

/** Bounds sshd's memory, about 6 MB for each connection. */
const idleMs = 60_000;
/** A handshake takes 37 ms of processor time; more at once would exceed their time limits. */
const maxConnecting = 16;

interface Kept {
  readonly address: string;
  client: Client | null;
  /** Runs commands one by one, since sshd allows only ten channels. */
  last: Promise<void>;
  /** The number of commands that run or wait. */
  busy: number;
  idle: NodeJS.Timeout | undefined;
}

/** Connects at the first `run`; after `close`, every `run` rejects. */
export class SshConnections {
  private readonly options: SshOptions;
  private readonly trust: ReturnType<typeof createTrust>;
  private readonly connecting = new Semaphore(maxConnecting);
  private readonly kept = new Map<string, Kept>();
  private readonly ending = new AbortController();

  constructor(options: SshOptions) {
    this.options = options;
    this.trust = createTrust(options.knownHosts);
    setMaxListeners(maxConnecting, this.ending.signal);
  }

  /** How many connections wait for a command. */
  get open(): number {
    let open = 0;
    for (const { client, busy } of this.kept.values()) if (client !== null && busy === 0) open++;
    return open;
  }

  /**
   * Runs a command line in the remote user's shell; rejects with LAUNCH on failure or after the
   * time limit plus `extraMs`.
   */
  run(
    address: string,
    command: string,
    input: string | Buffer,
    extraMs = 0,
  ): Promise<CommandResult> {
    const node = this.nodeAt(address);
    clearTimeout(node.idle);
    node.busy += 1;
    const result = node.last.then(() => this.execute(node, command, input, extraMs));
    const released = () => this.release(node);
    node.last = result.then(released, released);
    return result;
  }

  /** Closes all connections; started executors continue. */
  async close(): Promise<void> {
    this.ending.abort();
    for (const node of this.kept.values()) {
      clearTimeout(node.idle);
      discard(node);
    }
    this.kept.clear();
  }

  private nodeAt(address: string): Kept {
    const known = this.kept.get(address);
    if (known) return known;
    const node = { address, client: null, last: Promise.resolve(), busy: 0, idle: undefined };
    this.kept.set(address, node);
    return node;
  }

  private async execute(
    node: Kept,
    command: string,
    input: string | Buffer,
    extraMs: number,
  ): Promise<CommandResult> {
    const begun = await this.begin(node, command);
    try {
      return await begun.finish(input, this.options.commandTimeoutMs + extraMs);
    } catch (thrown) {
      discard(node);
      throw thrown;
    }
  }

  private async begin(node: Kept, command: string): Promise<Begun> {
    const wasKept = node.client !== null;
    const client = node.client ?? (await this.connect(node));
    try {
      return await begin(client, node.address, command, this.options.commandTimeoutMs);
    } catch (thrown) {
      discard(node);
      if (thrown instanceof GleanerError) throw thrown;
      // The connection may have died unnoticed, so a new one is tried.
      if (wasKept) return this.begin(node, command);
      throw new GleanerError(
        "LAUNCH",
        `${node.address} accepts the ssh login but no command: check MaxSessions and ForceCommand of its sshd`,
        { cause: thrown },
      );
    }
  }

  private async connect(node: Kept): Promise<Client> {
    const client = await this.connecting.run(() =>
      connect(this.options, this.trust, node.address, this.ending.signal),
    );
    node.client = client;
    client.once("close", () => {
      if (node.client === client) node.client = null;
    });
    return client;
  }

  private release(node: Kept): void {
    node.busy -= 1;
    if (node.busy > 0 || this.ending.signal.aborted) return;
    const forget = () => {
      this.kept.delete(node.address);
      node.client?.end();
    };
    if (node.client === null) forget();
    else node.idle = setTimeout(forget, idleMs);
  }
}

function discard(node: Kept): void {
  node.client?.destroy();
  node.client = null;
}
