// The connections of a lease: one to each of its workers, opened as they come. Calls go to the
// worker that has the fewest, and wait in one queue while none has room.

import { readFileSync } from "node:fs";
import { connect, type NetConnectOpts } from "node:net";
import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../clock.js";
import type { LeaseEndpoint } from "../../wire/api/types.js";
import { type DirectCall, DirectLine } from "./direct-line.js";

/** A call while it waits for a worker. */
export interface QueuedCall extends DirectCall {
  /**
   * No worker of the lease can be reached; resolves once the call has ended another way, with false
   * if gleanerd could not be reached either.
   */
  noWorker(): Promise<boolean>;
  expire(): void;
}

const sweepMs = 100;
/** A replacement is there by then, or calls go another way until it comes. */
const replacementMs = 1_000;
/** Calls through gleanerd at once: a program that sent thousands to its workers keeps the rest. */
const maxElsewhere = 32;
const firstRetryMs = 50;
const lastRetryMs = 2_000;
/** A worker that has left the lease answers what it still can within 1 s. */
const leavingMs = 2_000;
/** A worker that says nothing for this time is asked whether it is there. */
const silentMs = 5_000;
/** A job that takes a node ends its workers one after the other: then they get calls last. */
const shakenMs = 1_000;
const probeMs = 3_000;

interface Link {
  endpoint: LeaseEndpoint;
  line: DirectLine | null;
  retryMs: number;
  retry: Timer | null;
  /** The socket of this machine did not work: TCP is used. */
  usesTcp: boolean;
  isProbed: boolean;
  /** It was connected once, or could not be. */
  wasTried: boolean;
}

export class Lines {
  private readonly links = new Map<string, Link>();
  private readonly leaving = new Set<DirectLine>();
  /** Nodes of which a worker was lost, with the time until which that may go on. */
  private readonly shaken = new Map<string, number>();
  private readonly waiting: QueuedCall[] = [];
  private readonly sweeps = setInterval(() => this.sweep(), sweepMs);
  private isOver = false;
  /** There is a lease, whose workers may come. */
  private isLeased = true;
  /** Since when no worker could be reached; null while one can. */
  private lackSinceMs: number | null = null;
  private elsewhere = 0;
  private onTried: (() => void) | null = null;

  /** `onLack`: no worker can be reached, and a call waits. */
  constructor(private readonly onLack: () => void) {}

  /** Connects to workers that are new, and leaves those that are gone. */
  follow(endpoints: readonly LeaseEndpoint[], isLeased: boolean): void {
    this.isLeased = isLeased;
    const there = new Set(endpoints.map(({ worker }) => worker));
    for (const [worker, link] of this.links)
      if (!there.has(worker)) {
        this.links.delete(worker);
        this.onTried?.();
        clearTimeout(link.retry);
        if (link.line !== null) this.leave(link.line);
      }
    for (const endpoint of endpoints) this.keep(endpoint);
    this.pump();
    if (!isLeased) this.sendElsewhere();
  }

  /** Resolves once each worker was connected, or could not be. */
  async tried(): Promise<void> {
    while ([...this.links.values()].some(({ wasTried }) => !wasTried))
      await new Promise<void>((resolve) => {
        this.onTried = resolve;
      });
  }

  submit(call: QueuedCall, nowMs: number): void {
    const line = this.waiting.length === 0 ? this.choose() : null;
    if (line !== null) line.send(call, nowMs);
    else this.queue(call);
  }

  /** Nobody waits for it any more. */
  withdraw(call: QueuedCall): void {
    const at = this.waiting.indexOf(call);
    if (at >= 0) this.waiting.splice(at, 1);
    else {
      for (const { line } of this.links.values()) line?.cancel(call);
      for (const line of this.leaving) line.cancel(call);
    }
  }

  /** Calls go other ways from now on; nobody waits for those in workers. */
  close(): void {
    clearInterval(this.sweeps);
    this.isOver = true;
    this.follow([], false);
  }

  /** Its calls may still be answered: a worker whose lease ends closes the connection itself. */
  private leave(line: DirectLine): void {
    if (line.inFlight === 0) {
      line.bye();
      return;
    }
    this.leaving.add(line);
    setTimeout(() => line.close("its lease ended, and no answer came"), leavingMs).unref();
  }

  private queue(call: QueuedCall): void {
    this.waiting.push(call);
    this.sendElsewhere();
  }

  /** What has no worker, if a replacement does not come in time, as far as there is room. */
  private sendElsewhere(): void {
    if ([...this.links.values()].some(({ line }) => line?.isOfUse)) this.lackSinceMs = null;
    else {
      this.lackSinceMs ??= monotonicMs();
      if (this.waiting.length > 0) this.onLack();
    }
    while (this.mayLeaveLease && this.elsewhere < maxElsewhere) {
      const first = this.waiting.shift();
      if (first === undefined) return;
      this.elsewhere++;
      void first.noWorker().then((isReached) => {
        this.elsewhere--;
        // The next ones wait again, for workers as for gleanerd.
        if (!isReached && this.lackSinceMs !== null) this.lackSinceMs = monotonicMs();
        this.sendElsewhere();
      });
    }
  }

  private get mayLeaveLease(): boolean {
    if (!this.isLeased) return true;
    return this.lackSinceMs !== null && monotonicMs() - this.lackSinceMs >= replacementMs;
  }

  private pump(): void {
    if (this.waiting.length === 0) return;
    const nowMs = monotonicMs();
    while (this.waiting.length > 0) {
      const line = this.choose();
      if (line === null) return;
      line.send(this.waiting.shift()!, nowMs);
    }
  }

  private choose(): DirectLine | null {
    let chosen: DirectLine | null = null;
    for (const { line } of this.links.values())
      if (line?.hasRoom && (chosen === null || this.isBetter(line, chosen))) chosen = line;
    return chosen;
  }

  /** One that stays before one that ends soon, then the one with fewer calls. */
  private isBetter(line: DirectLine, other: DirectLine): boolean {
    const [leaves, otherLeaves] = [this.mayLeave(line), this.mayLeave(other)];
    return leaves === otherLeaves ? line.inFlight < other.inFlight : otherLeaves;
  }

  private mayLeave({ isTerminating, endpoint: { node } }: DirectLine): boolean {
    const untilMs = this.shaken.get(node);
    return isTerminating || (untilMs !== undefined && monotonicMs() < untilMs);
  }

  private keep(endpoint: LeaseEndpoint): void {
    const known = this.links.get(endpoint.worker);
    if (known !== undefined) {
      known.endpoint = endpoint;
      if (known.line !== null && endpoint.state === "terminating") known.line.isTerminating = true;
      return;
    }
    const link: Link = {
      ...{ endpoint, line: null, retryMs: firstRetryMs, retry: null },
      ...{ usesTcp: endpoint.hostId !== ownHostId(), isProbed: false, wasTried: false },
    };
    this.links.set(endpoint.worker, link);
    this.open(link);
  }

  private open(link: Link): void {
    const { endpoint, usesTcp } = link;
    link.retry = null;
    const line = new DirectLine(endpoint, usesTcp ? tcpOf(endpoint) : localOf(endpoint), {
      onReady: () => {
        link.retryMs = firstRetryMs;
        this.noteTry(link);
        line.isTerminating = link.endpoint.state === "terminating";
        this.pump();
      },
      onRoom: () => this.pump(),
      onClosed: () => this.reopen(link, line),
    });
    link.line = line;
  }

  private reopen(link: Link, line: DirectLine): void {
    this.leaving.delete(line);
    if (link.line === line) link.line = null;
    if (line.inFlight > 0) this.shaken.set(line.endpoint.node, monotonicMs() + shakenMs);
    if (this.isOver || this.links.get(link.endpoint.worker) !== link) return;
    const isLocalInVain = !link.usesTcp && line.accepted === null;
    if (isLocalInVain) link.usesTcp = true;
    else this.noteTry(link);
    const inMs = isLocalInVain ? 0 : link.retryMs;
    link.retryMs = Math.min(lastRetryMs, link.retryMs * 2);
    link.retry = setTimeout(() => this.open(link), inMs);
  }

  private noteTry(link: Link): void {
    link.wasTried = true;
    this.onTried?.();
  }

  private sweep(): void {
    const now = monotonicMs();
    for (const [node, untilMs] of this.shaken) if (untilMs <= now) this.shaken.delete(node);
    for (const link of this.links.values()) {
      if (link.line === null) continue;
      endOverdue(link.line, now);
      if (link.usesTcp && link.line.silentMs(now) > silentMs) this.probe(link, link.line);
    }
    for (const line of this.leaving) endOverdue(line, now);
    for (const call of this.waiting.filter(({ deadlineMs }) => deadlineMs <= now)) {
      this.withdraw(call);
      call.expire();
    }
    this.sendElsewhere();
    this.pump();
  }

  /**
   * A long call and a node that is gone look alike. A node that is there accepts a connection, even
   * if the worker computes.
   */
  private probe(link: Link, line: DirectLine): void {
    if (link.isProbed) return;
    link.isProbed = true;
    const socket = connect(tcpOf(link.endpoint));
    const late = setTimeout(() => socket.destroy(new Error("no answer")), probeMs);
    socket.once("connect", () => socket.destroy());
    const { worker, node } = link.endpoint;
    socket.once("error", (error) =>
      line.close(`node ${node} of worker ${worker} does not answer: ${error.message}`),
    );
    socket.once("close", () => {
      clearTimeout(late);
      link.isProbed = false;
    });
  }
}

function endOverdue(line: DirectLine, nowMs: number): void {
  for (const call of line.overdue(nowMs)) {
    line.cancel(call);
    (call as QueuedCall).expire();
  }
}

const tcpOf = ({ host, port }: LeaseEndpoint): NetConnectOpts => ({ host, port });
const localOf = ({ socket }: LeaseEndpoint): NetConnectOpts => ({ path: `\0${socket}` });

let hostId: string | null = null;
function ownHostId(): string {
  hostId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return hostId;
}
