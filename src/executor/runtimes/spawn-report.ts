// Follows one attempt by the lines of glean-spawn, from `started` to `gone`
// (slurm-plugin/PROTOCOL.md).

import { constants } from "node:os";
import { machineMonotonicNs } from "../../clock.js";
import { errnoOf, messageOf } from "../../model/errors.js";
import { startStages } from "../../model/records/start-failure.js";
import { killGroupOf } from "../node/processes.js";
import type { ProcessEnd, ProcessEvents } from "./runtime.js";

/** The end of what glean-spawn could not be run for. */
export const spawnFailed = (cause: unknown): ProcessEnd => ({
  kind: "failed",
  stage: "start",
  errno: errnoOf(cause),
  message: `cannot run glean-spawn: ${messageOf(cause)}`,
  heldMs: 0,
});

/** What follows the lines of one request to a server of glean-spawn. */
export interface Report {
  /** Takes one line, without the request's id; true if it is the last one. */
  take(line: string): boolean;
  /** The server is gone; its supervisors may still live. */
  abandon(): void;
  /** Nothing more will be heard. */
  vanish(how: string): void;
  /** No server was there. */
  fail(cause: unknown): void;
}

export class SpawnReport implements Report {
  private readonly requestedNs = machineMonotonicNs();
  private started: { pid: number; startNs: bigint } | null = null;
  private end: ProcessEnd | null = null;
  private isAbandoned = false;

  constructor(
    private readonly processLimit: number | null,
    private readonly events: ProcessEvents,
  ) {}

  /** Takes one line, without the attempt's id; true if it is the last one. */
  take(line: string): boolean {
    const gone = /^gone (\d{1,3}) (\d{1,3})$/.exec(line);
    if (gone !== null) {
      this.vanish(gone[2] === "0" ? `exit ${gone[1]}` : `signal ${gone[2]}`);
      return true;
    }
    const start = /^started (\d{1,10}) \d{1,20} (\d{1,20})$/.exec(line);
    if (start !== null && this.started === null) {
      this.started = { pid: Number(start[1]), startNs: BigInt(start[2]!) };
      this.events.onStarted(this.started.pid);
    } else this.end ??= this.parseEnd(line);
    return false;
  }

  /**
   * The server is gone: kills what its supervisor might have left, if that was killed with it. The
   * supervisor, which kills all, may still live.
   */
  abandon(): void {
    if (this.end !== null || this.started === null) return;
    this.isAbandoned = true;
    killGroupOf(this.started.pid);
  }

  /** Nothing more will be heard: ends the run, as vanished unless its own end was reported. */
  vanish(how: string): void {
    this.abandon();
    const message = `glean-spawn ended without a report (${how})`;
    const isOwn = this.end !== null && !(this.isAbandoned && isKill(this.end));
    this.events.onEnd(isOwn ? this.end! : { kind: "vanished", message });
  }

  /** No supervisor was there. */
  fail(cause: unknown): void {
    this.events.onEnd(spawnFailed(cause));
  }

  private parseEnd(line: string): ProcessEnd | null {
    const failed = /^failed ([a-z-]{1,20}) (\d{1,4}) (.*)$/.exec(line);
    if (failed) {
      // An unknown stage comes from a newer glean-spawn.
      const stage = startStages.find((each) => each === failed[1]) ?? "start";
      const heldMs = Number((machineMonotonicNs() - this.requestedNs) / 1_000_000n);
      const message = messageIn(failed[3]!);
      return { kind: "failed", stage, errno: Number(failed[2]), message, heldMs };
    }
    const ended = /^ended (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) ([01]) ([01])$/.exec(line);
    if (!ended || this.started === null) return null;
    return {
      kind: "ended",
      exitCode: Number(ended[1]),
      signal: Number(ended[2]),
      startNs: this.started.startNs,
      endNs: BigInt(ended[3]!),
      cpuMs: Number(ended[4]) + Number(ended[5]),
      maxRssMb: Math.ceil(Number(ended[6]) / 1024),
      oomKills: Number(ended[7]),
      ...(ended[9] === "1" && { nodeWasFull: true }),
      brokenProcessLimit: ended[8] === "1" ? this.processLimit : null,
    };
  }
}

/**
 * Lines are read as latin1: a message names files, whose names may be in UTF-8, or cut within a
 * character, or have the control characters of a terminal.
 */
const messageIn = (text: string): string =>
  Buffer.from(text, "latin1")
    .toString()
    .replace(/[\u0080-\u009f]/g, "?");

/** What is left of a server that is gone is killed, which may still be reported as an end. */
const isKill = (end: ProcessEnd): boolean =>
  end.kind === "ended" &&
  end.signal === constants.signals.SIGKILL &&
  end.oomKills === 0 &&
  end.brokenProcessLimit === null;
