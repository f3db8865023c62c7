// Holds a lease for a program that speaks no HTTP: it reads which workers the lease has, where each
// host is an address, and has calls made through gleanerd while no worker can be reached.

import type { Readable, Writable } from "node:stream";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { LeaseView } from "../../wire/api/types.js";
import { encodeFields } from "../../wire/worker/fields.js";
import { FrameCutter, wholeFrames } from "../../wire/worker/framing.js";
import type { GleanerClient } from "../client.js";
import { HeldCalls } from "./held-calls.js";
import { type HoldFrame, holdFormat } from "./hold-frames.js";
import { HostAddresses, type LookUp, systemLookUp } from "./host-addresses.js";
import { keepLease } from "./keeper.js";
import type { LeaseOptions } from "./options.js";

/**
 * Resolves at a bye or at the end of the input. If the lease has ended by itself, the next call
 * asks for another one. Rejects with PROTOCOL if the input is not frames.
 */
export async function holdLease(
  client: GleanerClient,
  options: LeaseOptions,
  input: Readable,
  output: Writable,
  lookUp: LookUp = systemLookUp,
): Promise<void> {
  let onBye: () => void = () => {};
  const bye = new Promise<void>((resolve) => {
    onBye = resolve;
  });
  const calls = new HeldCalls(client, options.function, output);
  const told = new ToldLease(lookUp, output);
  const keeper = await keepLease(client.leases, options, (lease) => {
    calls.timeLimitMs = lease.timeLimitMs;
    void told.change(lease);
  });
  const left = readFrames(input, (frame) => {
    if (frame.type === "bye") onBye();
    else if (frame.type === "call") {
      calls.make(frame);
      keeper.replace();
    } else if (frame.type === "cancel") calls.cancel(frame.id);
  });
  try {
    await Promise.race([bye, left]);
  } finally {
    input.destroy();
    await Promise.all([calls.cancelAll(), keeper.end()]);
  }
}

/** What the program knows of its lease: the hosts of workers once their addresses are known. */
class ToldLease {
  private lease: LeaseView | null = null;
  private isTold = false;
  private readonly addresses: HostAddresses;

  constructor(
    lookUp: LookUp,
    private readonly output: Writable,
  ) {
    this.addresses = new HostAddresses(lookUp, () => {
      if (this.isTold) this.tell();
    });
  }

  async change(lease: LeaseView): Promise<void> {
    this.lease = lease;
    this.isTold = false;
    await this.addresses.follow(lease.workers.map(({ host }) => host));
    if (this.lease === lease) this.tell();
  }

  private tell(): void {
    this.isTold = true;
    this.output.write(Buffer.concat(this.frames(this.lease!)));
  }

  private frames({ revision, state, reason, workers }: LeaseView): Buffer[] {
    const said = { revision, state, reason: reason ?? undefined, workers: workers.length };
    const endpoints = workers.map(({ worker, host, port, socket, hostId, key, state }) => {
      const address = this.addresses.of(host);
      const fields = { worker, host: address, port, socket, hostId, key: key ?? undefined, state };
      return holdFormat.encodeFrame("endpoint", 0, encodeFields(fields));
    });
    return [holdFormat.encodeFrame("lease", 0, encodeFields(said)), ...endpoints];
  }
}

async function readFrames(input: Readable, take: (frame: HoldFrame) => void): Promise<void> {
  const reader = new FrameCutter(holdFormat, wholeFrames(take as never));
  try {
    for await (const piece of input) reader.push(piece as Buffer);
  } catch (cause) {
    const message = `standard input has no frames of a lease: ${messageOf(cause)}`;
    throw new GleanerError("PROTOCOL", message, { cause });
  }
}
