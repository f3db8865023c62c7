// Serves the clients of a lease: lets in who proves the key, says how much it is used, ends.

import { monotonicMs, setImmediate } from "../../../clock.js";
import { encodeAccepted } from "../../../wire/direct/messages.js";
import type { Serve, ServeUsage, Serving, Terminating } from "../../../wire/worker/serving.js";
import type { Calls } from "../calls.js";
import type { CallLog } from "../prints.js";
import { Client, maxInFlight } from "./lease-client.js";
import { Endpoint } from "./lease-endpoint.js";
import type { Newcomer } from "./lease-newcomer.js";
import { Newcomers } from "./lease-newcomers.js";

const keepAliveAfterMs = 1_000;
const usageEveryMs = 1_000;
/** For the calls that run when the lease ends, and then for their answers. */
const finishMs = 1_000;

export class LeaseServer {
  private endpoint: Endpoint | null = null;
  private readonly newcomers: Newcomers;
  private readonly clients = new Set<Client>();
  private readonly ticks: NodeJS.Timeout;
  private readonly callsBefore: number;
  private readonly busyMsBefore: number;
  private toldCalls = 0;
  private terminating: Terminating | null = null;
  private isEnding = false;
  /** Hears when a client's last call was answered, or the client left. */
  private onQuiet: (() => void) | null = null;
  private isSpinning = false;
  private spinMs = 0;
  private spunMs = 0;
  private spinCalls = 0;
  private quietSinceMs = 0;

  private constructor(
    private readonly order: Serve,
    private readonly calls: Calls,
    private readonly log: CallLog,
    private readonly onUsage: (usage: ServeUsage) => void,
  ) {
    const secret = { worker: order.worker, key: Buffer.from(order.key, "hex") };
    this.newcomers = new Newcomers(secret, (newcomer) => this.accept(newcomer));
    this.callsBefore = calls.ended;
    this.busyMsBefore = calls.busyMs;
    this.ticks = setInterval(() => this.tick(), usageEveryMs);
  }

  /** Rejects if it cannot listen. */
  static async open(
    order: Serve,
    calls: Calls,
    log: CallLog,
    onUsage: (usage: ServeUsage) => void,
  ): Promise<LeaseServer> {
    const server = new LeaseServer(order, calls, log, onUsage);
    try {
      server.endpoint = await Endpoint.open(order.ports, (socket) =>
        server.newcomers.greet(socket),
      );
    } catch (error) {
      clearInterval(server.ticks);
      throw error;
    }
    return server;
  }

  get where(): Serving {
    return this.endpoint!.where;
  }

  announceEnd(end: Terminating): void {
    this.terminating = end;
    for (const client of this.clients) client.announceEnd(end);
  }

  /** Finishes what runs; resolves once all connections are closed. */
  async stop(): Promise<void> {
    this.isEnding = true;
    this.endpoint!.close();
    clearInterval(this.ticks);
    for (const newcomer of this.newcomers.all) newcomer.refuse("ENDED", "the lease has ended");
    for (const client of this.clients) client.endCalls();
    await this.until(() => [...this.clients].every((client) => !client.hasCalls));
    await this.leave("the lease has ended");
  }

  /** Closes all connections behind what they were sent. */
  async leave(reason: string): Promise<void> {
    this.isEnding = true;
    this.endpoint!.close();
    clearInterval(this.ticks);
    for (const client of this.clients) client.close(reason);
    await this.until(() => this.clients.size === 0);
    for (const client of this.clients) client.destroy();
    for (const { socket } of this.newcomers.all) socket.destroy();
    this.tellUsage();
  }

  private async until(isSo: () => boolean): Promise<void> {
    const endsMs = monotonicMs() + finishMs;
    while (!isSo() && monotonicMs() < endsMs) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, endsMs - monotonicMs());
        this.onQuiet = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.onQuiet = null;
  }

  private accept(newcomer: Newcomer): void {
    if (this.isEnding || this.terminating !== null) {
      newcomer.refuse("ENDED", this.terminating?.reason ?? "the lease has ended");
      return;
    }
    if (this.clients.size >= this.order.maxClients) {
      newcomer.refuse("FULL", `the worker has ${this.clients.size} clients already`);
      return;
    }
    this.newcomers.forget(newcomer);
    newcomer.socket.setKeepAlive(true, keepAliveAfterMs);
    const client = new Client(newcomer, this.calls, this.log, {
      onCall: () => this.beHot(),
      onQuiet: () => this.onQuiet?.(),
      onClosed: () => this.forget(client),
    });
    this.clients.add(client);
    const { concurrency } = this.calls;
    const { hotMs } = this.order;
    client.outbox.send(
      "accepted",
      0,
      encodeAccepted({ concurrency, maxInFlight, hotMs, runtime: "node" }),
    );
    if (this.clients.size === 1) this.tellUsage();
    this.beHot();
  }

  private forget(client: Client): void {
    this.clients.delete(client);
    this.onQuiet?.();
    if (this.clients.size === 0 && !this.isEnding) this.tellUsage();
  }

  private tick(): void {
    for (const client of this.clients) if (client.hasStalled()) client.destroy();
    if (this.calls.ended !== this.toldCalls) this.tellUsage();
  }

  private tellUsage(): void {
    this.toldCalls = this.calls.ended;
    this.onUsage({
      clients: this.clients.size,
      calls: this.calls.ended - this.callsBefore,
      busyMs: this.calls.busyMs - this.busyMsBefore,
      spinMs: this.spinMs,
    });
  }

  /**
   * A turn of the event loop that is due at once keeps it from blocking in the kernel. It spins
   * while a client is there, until no call came for hotMs.
   */
  private readonly spin = (): void => {
    const now = monotonicMs();
    const { hotMs } = this.order;
    if (this.calls.ended === this.spinCalls) this.spinMs += now - this.spunMs;
    else this.quietSinceMs = now;
    this.spinCalls = this.calls.ended;
    this.spunMs = now;
    const isHot = hotMs < 0 || now - this.quietSinceMs < hotMs;
    this.isSpinning = isHot && !this.isEnding && this.clients.size > 0;
    if (this.isSpinning) setImmediate(this.spin);
  };

  private beHot(): void {
    if (this.order.hotMs === 0 || this.isSpinning) return;
    this.isSpinning = true;
    this.spunMs = monotonicMs();
    this.quietSinceMs = this.spunMs;
    setImmediate(this.spin);
  }
}
