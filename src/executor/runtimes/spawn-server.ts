// One process of glean-spawn, which runs all attempts of this executor: frames to it, lines from it
// (slurm-plugin/PROTOCOL.md).

import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { clearTimeout, setTimeout } from "../../clock.js";
import type { AttemptGroup } from "../containment/containment.js";
import { AdmissionReport } from "./admission-report.js";
import type { ProcessEvents, RunHandle } from "./runtime.js";
import { type Report, SpawnReport } from "./spawn-report.js";
import {
  type Control,
  encodeAdmission,
  encodeControl,
  encodeRequest,
  encodeSignal,
  type SpawnOrder,
} from "./spawn-request.js";

/** A report line has at most 512 bytes; a longer line does not come from glean-spawn. */
const maxReportBytes = 4_096;
const terminations = { TIMEOUT: "L", CANCELLED: "T", REQUEUED: "Q" } as const;
/** Supervisors of a server that was killed end within milliseconds, unless a process hangs. */
const supervisorsEndMs = 5_000;

export class SpawnServer {
  private readonly process: ChildProcess;
  private readonly socket: Duplex | null;
  private readonly runs = new Map<number, Report>();
  private waiting: Buffer[] = [];
  private text = "";
  private lastId = 0;
  /** Resolves once the server and all its supervisors are gone. */
  readonly closed: Promise<void>;

  /** `onOver`: it takes no more requests. */
  constructor(
    program: string,
    private readonly sharesSession: boolean,
    onOver: () => void,
  ) {
    this.process = spawn(program, [], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
      // Otherwise signals that a terminal sends to the executor would reach it.
      detached: !sharesSession,
      cwd: "/",
      env: {},
    });
    this.socket = this.process.pid === undefined ? null : (this.process.stdio[3] as Duplex);
    this.closed = new Promise((resolve) => {
      this.process.once("close", () => resolve());
      // The program is missing or there are no free descriptors: no process exists.
      this.process.once("error", (error) => {
        onOver();
        this.failAll(error);
        resolve();
      });
    });
    this.process.once("exit", (code, signal) => {
      onOver();
      this.end(signal ?? `exit ${code}`);
    });
    this.listen();
  }

  /** Never throws: errors become ends. */
  start(order: SpawnOrder, group: AttemptGroup, events: ProcessEvents): RunHandle {
    const id = ++this.lastId;
    this.runs.set(id, new SpawnReport(group.maxPolledProcesses, events));
    this.send(encodeRequest(id, order, group, this.sharesSession));
    const tell = (frame: Buffer) => {
      if (!this.runs.has(id)) return;
      this.send(frame);
      // The caller may keep this process busy while it waits for the effect.
      this.flush();
    };
    const control = (kind: Control) => tell(encodeControl(id, kind));
    return {
      terminate: (why) => control(terminations[why]),
      notify: () => control("N"),
      signal: (signal, reach) => tell(encodeSignal(id, signal, reach)),
      kill: () => {
        group.kill();
        control("K");
      },
    };
  }

  /** Resolves with the exit status of what lets a user read a folder; null if there is none. */
  admit(uid: number, folder: string): Promise<number | null> {
    const id = ++this.lastId;
    return new Promise((resolve) => {
      this.runs.set(id, new AdmissionReport(resolve));
      this.send(encodeAdmission(id, uid, folder));
    });
  }

  /** Kills what still runs and resolves once all processes are gone. */
  async close(): Promise<void> {
    this.socket?.end();
    await this.closed;
  }

  /** What is sent in one turn of the event loop goes in one write. */
  private send(frame: Buffer): void {
    this.waiting.push(frame);
    if (this.waiting.length === 1) process.nextTick(() => this.flush());
  }

  private flush(): void {
    if (this.waiting.length === 0) return;
    const [first, ...more] = this.waiting;
    this.waiting = [];
    if (this.socket?.writable)
      this.socket.write(more.length ? Buffer.concat([first!, ...more]) : first);
  }

  private listen(): void {
    // It may be killed at any moment; only its end counts.
    this.socket?.on("error", () => {});
    this.socket?.on("data", (piece: Buffer) => {
      const lines = (this.text + piece.toString("latin1")).split("\n");
      this.text = lines.pop()!.slice(0, maxReportBytes);
      for (const line of lines) this.take(line);
    });
  }

  private take(line: string): void {
    const blank = line.indexOf(" ");
    const id = Number(line.slice(0, blank));
    // An attempt ends with its supervisor, not with its report: when an executor leaves, its
    // supervisors must be gone too.
    if (this.runs.get(id)?.take(line.slice(blank + 1))) this.runs.delete(id);
  }

  /**
   * Its supervisors kill what they supervise. Their ends close the socket, after which no report
   * can follow.
   */
  private end(how: string): void {
    for (const run of this.runs.values()) run.abandon();
    const settle = () => {
      clearTimeout(timer);
      const left = [...this.runs.values()];
      this.runs.clear();
      for (const run of left) run.vanish(how);
    };
    const timer = setTimeout(settle, supervisorsEndMs);
    void this.closed.then(settle);
  }

  private failAll(error: Error): void {
    for (const run of this.runs.values()) run.fail(error);
    this.runs.clear();
  }
}
