// Programs of users: they repeat a request until it is answered, and the network loses answers and
// delivers requests twice.

import { GleanerError } from "../../../src/model/errors.js";
import type { Daemon, DaemonHost } from "./daemon-host.js";
import type { World } from "./world.js";

/** What a client waits for an answer before it asks again. */
const patienceMs = 5_000;
const lostAnswers = 0.03;
const doubledRequests = 0.05;
const killedRequests = 0.02;

/** What became of one copy of a request in a daemon. */
export interface Copy {
  /** It has had its effect. */
  done(): void;
  /** It had its effect by now, or never will. */
  over(): void;
  /** It had none. */
  refused(): void;
}

export interface Request<T> {
  readonly run: (daemon: Daemon) => Promise<T>;
  /** How long the daemon may take for it. */
  readonly waitMs?: number;
  /** A daemon gets a copy. */
  readonly copy?: () => Copy;
  /** A daemon answers a copy, whether or not the user hears it. */
  readonly done?: (value: T) => void;
  /** The user hears the answer; once. */
  readonly answered?: (value: T) => void;
  /** The user hears that it is refused for good. */
  readonly refused?: (error: GleanerError) => void;
}

export class Clients {
  /** Requests that have no answer yet. */
  unanswered = 0;

  constructor(
    private readonly world: World,
    private readonly daemonHost: DaemonHost,
  ) {}

  send<T>(request: Request<T>): void {
    this.unanswered++;
    this.ask(request, { isAnswered: false });
  }

  private ask<T>(request: Request<T>, state: { isAnswered: boolean }): void {
    const { world, daemonHost } = this;
    const { chance } = world;
    world.after(patienceMs + (request.waitMs ?? 0), () => {
      if (!state.isAnswered) this.ask(request, state);
    });
    const daemon = daemonHost.listening;
    if (daemon === null) return;
    const deliver = () => this.deliver(daemon, request, state);
    world.within(daemon.process, chance.ms(0.1, 2), deliver);
    if (this.goesWrong(doubledRequests)) world.within(daemon.process, chance.ms(0.1, 50), deliver);
  }

  private goesWrong(probability: number): boolean {
    return !this.world.isAtRest && this.world.chance.happens(probability);
  }

  private deliver<T>(daemon: Daemon, request: Request<T>, state: { isAnswered: boolean }): void {
    const { world } = this;
    // In the midst of it, at any of its steps.
    if (this.goesWrong(killedRequests)) daemon.process.doom = world.doom(8);
    const copy = request.copy?.();
    if (copy !== undefined) daemon.process.whenDead(copy.over);
    const hear = (tell: () => void) => {
      if (state.isAnswered) return;
      state.isAnswered = true;
      this.unanswered--;
      tell();
    };
    request.run(daemon).then(
      (value) => {
        copy?.done();
        request.done?.(value);
        daemon.process.act(() => {
          // The answer itself may be lost on its way.
          if (!this.goesWrong(lostAnswers)) hear(() => request.answered?.(value));
        });
      },
      (thrown: unknown) => {
        if (!(thrown instanceof GleanerError)) world.broke(thrown);
        else if (thrown.code === "STORE") copy?.over();
        else {
          copy?.refused();
          // Too many wait: a user who is told so gives up.
          hear(() => request.refused?.(thrown));
        }
      },
    );
  }
}
