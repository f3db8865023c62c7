// One kept ssh connection per node: opened when needed, used for one command at a time, closed when idle.

import { setMaxListeners } from "node:events";
import type { Client } from "ssh2";
import { Semaphore } from "../../limits/semaphore.js";
import { GleanerError } from "../../model/errors.js";
import { type Begun, begin, type CommandResult } from "./command.js";
import { connect, type SshOptions } from "./connect.js";
import { createTrust } from "./files.js";

/** A node is asked again within a minute or not for long; sshd keeps about 6 MB for each connection. */
const idleMs = 60_000;
/** A handshake costs 37 ms of processor time: more at once would run into their own time limits. */
const maxConnecting = 16;

interface Kept {
  readonly address: string;
  client: Client | null;
  /** Commands wait for each other: sshd allows ten channels only. */
  last: Promise<void>;
  /** Commands that run or wait. */
  busy: number;
  idle: NodeJS.Timeout | undefined;
}

/** Nothing connects before the first `run`; after `close` every `run` rejects. */
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

  /**
   * Runs a command line of the remote user's shell; rejects with code LAUNCH when it could not, or not in time, to which
   * `extraMs` are added.
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

  /** Breaks all connections off; what was started goes on. */
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
    const begun = await this.open(node, command);
    try {
      return await begun.finish(input, this.options.commandTimeoutMs + extraMs);
    } catch (thrown) {
      discard(node);
      throw thrown;
    }
  }

  private async open(node: Kept, command: string): Promise<Begun> {
    const wasKept = node.client !== null;
    const client = node.client ?? (await this.connect(node));
    try {
      return await begin(client, node.address, command, this.options.commandTimeoutMs);
    } catch (thrown) {
      discard(node);
      if (thrown instanceof GleanerError) throw thrown;
      // A kept connection may have died unnoticed: then a new one is worth a try.
      if (wasKept) return this.open(node, command);
      throw new GleanerError(
        "LAUNCH",
        `${node.address} accepts the ssh login but no command: look at its sshd's MaxSessions and ForceCommand.`,
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
