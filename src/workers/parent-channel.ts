// The executor's side of the connection to a parent of workers: it loads a handler once and forks
// workers that need not load it again.

import type { Duplex } from "node:stream";
import type { FrameHead } from "../wire/worker/frame.js";
import {
  type ChildEnd,
  decodeChildEnd,
  decodeError,
  decodeForked,
  encodeFork,
  type Fork,
  type HandlerError,
  type LogStream,
} from "../wire/worker/messages.js";
import { LogAllowance } from "./log-allowance.js";
import { WorkerFailure } from "./worker-failure.js";
import {
  type Body,
  collected,
  type Greeting,
  type LoadEnd,
  type LoadOrder,
  outOfTurn,
  WorkerLink,
} from "./worker-link.js";

export type ForkEnd =
  /** The parent says so: check that `pid` is its child before you use it. */
  | { readonly kind: "forked"; readonly pid: number }
  | { readonly kind: "failed"; readonly error: HandlerError }
  | { readonly kind: "lost"; readonly failure: WorkerFailure };

export interface ParentEvents {
  onLog(stream: LogStream, bytes: Buffer): void;
  /** `forkId` is of the fork that made the worker. */
  onChildEnded(forkId: number, end: ChildEnd): void;
  /** Called once; workers that were forked may run on. */
  onClosed(failure: WorkerFailure): void;
}

export class ParentChannel {
  private readonly link: WorkerLink;
  /** Forks without an end, and the children that live: null. */
  private readonly forks = new Map<number, ((end: ForkEnd) => void) | null>();
  private lastId = 0;
  private log = new LogAllowance(0);

  constructor(socket: Duplex, events: ParentEvents) {
    this.link = new WorkerLink(socket, {
      onFrame: (head) => this.bodyFor(head, events),
      onLog: (_id, stream, bytes) => {
        this.log.take(bytes.length);
        events.onLog(stream, bytes);
      },
      onClosed: (failure) => {
        for (const settle of this.forks.values()) settle?.({ kind: "lost", failure });
        this.forks.clear();
        events.onClosed(failure);
      },
    });
  }

  ready(): Promise<Greeting> {
    return this.link.greeted();
  }

  /** Fails if the handler cannot be loaded, or if what it does at import forbids to fork. */
  load(order: LoadOrder): Promise<LoadEnd> {
    this.log = new LogAllowance(order.logLimitBytes);
    return this.link.load(order);
  }

  /** The worker connects to the path (see ChildDoor); its channel is loaded as any other. */
  fork(to: Fork): { readonly id: number; readonly end: Promise<ForkEnd> } {
    const id = ++this.lastId;
    this.log.renew();
    const end = new Promise<ForkEnd>((settle) => {
      if (this.link.isOpen) this.forks.set(id, settle);
      else settle({ kind: "lost", failure: closed });
    });
    this.link.send("fork", id, undefined, encodeFork(to));
    return { id, end };
  }

  get isOpen(): boolean {
    return this.link.isOpen;
  }

  /** The parent exits; its workers run on, and nobody reports their ends. */
  close(reason?: string): void {
    this.link.close(reason);
  }

  private bodyFor({ type, id }: FrameHead, events: ParentEvents): Body {
    switch (type) {
      case "forked":
        return collected((payload) => {
          const settle = this.asked(id);
          this.forks.set(id, null);
          settle({ kind: "forked", pid: decodeForked(payload) });
        });
      case "forkFailed":
        return collected((payload) => {
          const settle = this.asked(id);
          this.forks.delete(id);
          settle({ kind: "failed", error: decodeError(payload) });
        });
      case "childEnded":
        return collected((payload) => {
          if (this.forks.get(id) !== null) throw unknown(id, this.lastId);
          this.forks.delete(id);
          events.onChildEnded(id, decodeChildEnd(payload));
        });
      default:
        throw outOfTurn(`${type}, which parents of workers never send`);
    }
  }

  private asked(id: number): (end: ForkEnd) => void {
    const settle = this.forks.get(id);
    if (settle === undefined || settle === null) throw unknown(id, this.lastId);
    return settle;
  }
}

const closed = new WorkerFailure("STOPPED", "the connection to the workers' parent is closed");

const unknown = (id: number, lastId: number): WorkerFailure =>
  id > lastId
    ? new WorkerFailure(
        "UNKNOWN_CALL",
        "the workers' parent answered a fork that it was never sent",
      )
    : new WorkerFailure("ANSWERED_TWICE", "the workers' parent answered a fork twice");
