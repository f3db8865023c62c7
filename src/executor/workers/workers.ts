// The workers of this node: gives each call a warm worker of its user and version or starts one,
// and ends idle ones whose memory or GPUs others need.

import { clearTimeout, monotonicMs, setTimeout } from "../../clock.js";
import { workerKey } from "../../model/call.js";
import type { VersionId } from "../../model/ids.js";
import {
  fits,
  nothing,
  type ResourceRequest,
  type Resources,
  subtract,
} from "../../model/resources.js";
import { attemptName } from "../../wire/attempt-key.js";
import type { WarmWorkers } from "../../wire/calls.js";
import type { AttemptOrder, CallAttemptOrder } from "../../wire/messages.js";
import type { AttemptGroup } from "../containment/containment.js";
import { removeLater } from "../containment/group-removal.js";
import type { Place } from "../runtimes/runtime.js";
import {
  endedAhead,
  heldBy,
  idleLeftMs,
  isIdle,
  type Kept,
  kindOf,
  latestFirst,
  newKept,
  type OpenWorker,
  oldestFirst,
} from "./kept.js";
import { giverOf } from "./standby/given-room.js";
import { endsOf, held, memoryOf, noStandbys, type Standbys } from "./standby/standby.js";
import { Announcements, type TellWorkers } from "./work/announcements.js";
import type { RunInWorker } from "./worker-parts.js";

/** Between two calls of a busy client. One that waits longer holds no core: it is frozen. */
const freezeAfterMs = 20;
/** The memory of the budget usually allows fewer. */
const maxIdle = 256;
/** One that was started ahead and is not ready by then ends: no call holds a core for it. */
const aheadLimitMs = 30_000;

export class Workers {
  private readonly kept = new Set<Kept>();
  private readonly announcements: Announcements;
  /** How many of a kind stay, whatever their idle time. */
  private warmWanted: ReadonlyMap<string, number> = new Map();

  constructor(
    private readonly openWorker: OpenWorker,
    private readonly tell: TellWorkers,
    private readonly standbys: Standbys = noStandbys,
  ) {
    this.announcements = new Announcements(() => this.idle, tell);
  }

  /** The daemon on this connection knows of no worker yet. */
  connected(): void {
    this.announcements.connected();
  }

  /** Called for each change. */
  changed(): void {
    this.announcements.changed();
  }

  /** gleanerd's last word counts until its next one, also without a connection. */
  keepWarm(workers: readonly WarmWorkers[]): void {
    this.warmWanted = new Map(workers.map((each) => [workerKey(each), each.count]));
    for (const each of [...this.idle].sort(oldestFirst)) if (each.isFrozen) this.freeze(each);
  }

  /** Starts a worker before it is called, if nothing has to go for it; it goes before others. */
  startAhead(order: AttemptOrder, room: Resources): void {
    const call = order as CallAttemptOrder;
    const free = this.spareOf(room);
    const worker = kindOf(call);
    if (call.gpus > 0 || !fits(call, free))
      return void this.tell({ type: "aheadEnded", worker, why: "noRoom" });
    try {
      const kept = this.add(call, () => free, true);
      kept.timer = setTimeout(() => kept.worker.kill(), aheadLimitMs);
      kept.worker.startAhead(call);
    } catch {
      // A call's own group cannot be created either, which is reported then.
      this.tell({ type: "aheadEnded", worker, why: "failed" });
    }
  }

  /** Calls of this user are expected, of whatever function. `room`: what no attempt holds. */
  expect(order: AttemptOrder, room: Resources): void {
    const call = order as CallAttemptOrder;
    const standBy = () => this.standbys.expect(call, this.spareOf(room));
    const giver = standBy() ? null : giverOf(this.idle, call, this.warmWanted);
    if (giver === null) return;
    void this.stop(giver);
    standBy();
  }

  /** See Runtime. */
  seatFor(order: AttemptOrder): "free" | "taken" | null {
    const shared = this.openedFor(order as CallAttemptOrder);
    if (shared === undefined) return null;
    return shared.calls < shared.worker.seats ? "free" : "taken";
  }

  /**
   * Takes a seat in the worker that it is to share, or the warm worker that was used last, so that
   * the others grow old.
   */
  prepare(order: AttemptOrder, free: Resources, room: () => Resources = () => nothing): Place {
    const call = order as CallAttemptOrder;
    const kept = this.openedFor(call) ?? this.open(call, free);
    kept.calls++;
    const { group, gpus } = kept.worker.opened;
    let run: RunInWorker | null = null;
    let ended = () => {};
    return {
      group,
      gpus,
      start: (events) => {
        if (kept.isFrozen) group.freeze(false);
        kept.isFrozen = false;
        const onStarted = (pid: number) => {
          events.onStarted(pid);
          ended = this.standbys.callBegan(call, kept.kind, () => this.spareOf(room()));
        };
        run = kept.worker.run(call, { ...events, onStarted });
        return run;
      },
      log: () => run!.printed(),
      phases: () => run!.takePhases(),
      lease: () => run!.leaseUsage(),
      release: (isHung, isFrozen) => {
        ended();
        kept.calls--;
        kept.isFrozen = isFrozen;
        if (isHung) this.kept.delete(kept);
        this.released(kept, () => this.expect(call, room()));
      },
    };
  }

  /** The one with calls in it that this one is to share. */
  private openedFor(call: CallAttemptOrder): Kept | undefined {
    if (call.command.settings.concurrency === 1) return undefined;
    const name = attemptName(call.beside ?? call);
    return [...this.kept].find(({ openedFor, calls }) => calls > 0 && openedFor === name);
  }

  private open(call: CallAttemptOrder, free: Resources): Kept {
    const key = workerKey(kindOf(call));
    const [warm] = this.idle.filter((each) => each.key === key).sort(latestFirst);
    const begun = warm ?? this.ahead.find((each) => each.key === key);
    const kept = begun ?? this.add(call, () => this.roomFor(call, free), false);
    if (warm !== undefined) this.changed();
    clearTimeout(kept.timer);
    kept.isAhead = false;
    kept.idleSinceMs = null;
    kept.openedFor = attemptName(call.beside ?? call);
    return kept;
  }

  /** The versions of all workers and their parents, also of those that start. */
  get versions(): ReadonlySet<VersionId> {
    const loaded = this.standbys.all.flatMap(({ version }) => (version === null ? [] : [version]));
    return new Set([...[...this.kept].map(({ kind }) => kind.version), ...loaded]);
  }

  get hasIdle(): boolean {
    return this.idle.length + this.ahead.length + this.standbys.all.length > 0;
  }

  /** What idle workers, those started ahead and processes that stand by hold: no cores. */
  get held(): Pick<Resources, "memoryMb" | "gpus"> {
    const { memoryMb, gpus } = heldBy(this.idle, this.ahead);
    return { memoryMb: memoryMb + memoryOf(this.standbys.all), gpus };
  }

  /** What of it nobody holds. */
  private spareOf(room: Resources): Resources {
    return subtract(room, { cores: 0, ...this.held });
  }

  /** What is free for `need`, once the idle workers that are in its way have been told to end. */
  roomFor(need: ResourceRequest, free: Resources): Resources {
    for (const end of this.ends()) {
      if (fits(need, this.spareOf(free))) break;
      void end();
    }
    return this.spareOf(free);
  }

  /**
   * Ends idle workers until the rest fits into `free`, and freezes the rest; resolves once those
   * are gone.
   */
  async yieldTo(free: Resources): Promise<void> {
    const leaving = [...this.kept].filter(({ worker }) => worker.isLeaving);
    const gone = leaving.map((each) => each.gone);
    for (const each of this.idle)
      if (each.worker.opened.gpus.some((gpu) => !free.gpus.includes(gpu)))
        gone.push(this.stop(each));
    for (const each of this.standbys.all)
      if (!each.isOpen || each.isBooting) gone.push(each.stop());
    for (const each of this.ahead) gone.push(this.stop(each));
    for (const end of this.ends()) {
      if (this.held.memoryMb <= free.memoryMb) break;
      gone.push(end());
    }
    for (const each of this.idle) if (!each.isFrozen) this.freeze(each);
    await Promise.all(gone);
  }

  hold(isHeld: boolean): readonly AttemptGroup[] {
    const { idle } = this;
    for (const each of idle) if (isHeld && !each.isFrozen) this.freeze(each);
    return [...idle.map(({ worker }) => worker.opened.group), ...held(this.standbys.all, isHeld)];
  }

  private get idle(): Kept[] {
    return [...this.kept].filter(isIdle);
  }

  private get ahead(): Kept[] {
    return [...this.kept].filter(({ isAhead, worker }) => isAhead && !worker.isLeaving);
  }

  /** What can be ended for its memory, in this order. */
  private ends(): (() => Promise<void>)[] {
    const ends = (busy: boolean) => endsOf(this.standbys.all, busy);
    const waiting = [...this.ahead, ...[...this.idle].sort(oldestFirst)];
    return [...ends(false), ...waiting.map((each) => () => this.stop(each)), ...ends(true)];
  }

  private add(order: CallAttemptOrder, free: () => Resources, isAhead: boolean): Kept {
    const kind = kindOf(order);
    let settle = () => {};
    const gone = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const onGone = () => {
      clearTimeout(kept.timer);
      this.kept.delete(kept);
      this.changed();
      if (kept.isAhead) this.tell(endedAhead(kept));
      removeLater(worker.opened.group);
      settle();
    };
    const onReady = () => {
      if (!kept.isAhead || !worker.isReady) return;
      clearTimeout(kept.timer);
      kept.isAhead = false;
      this.released(kept);
    };
    const worker = this.openWorker(order, kind, free, { onGone, ...(isAhead && { onReady }) });
    const kept = newKept(worker, kind, isAhead, gone);
    this.kept.add(kept);
    return kept;
  }

  /** It waits for the next call, frozen, if it has no other; `then`: if none follows at once. */
  private released(kept: Kept, then = () => {}): void {
    if (!this.kept.has(kept) || kept.calls > 0) return void then();
    kept.idleSinceMs = monotonicMs();
    this.changed();
    if (!kept.worker.isReady) void this.stop(kept);
    if (!kept.worker.isReady) return void then();
    if (this.idle.length > maxIdle) void this.stop(this.idle.sort(oldestFirst)[0]!);
    kept.timer = setTimeout(() => this.freeze(kept, then), freezeAfterMs);
  }

  private freeze(kept: Kept, then = () => {}): void {
    clearTimeout(kept.timer);
    then();
    try {
      kept.worker.opened.group.freeze(true);
      kept.isFrozen = true;
    } catch {
      // Where nothing can be frozen, an idle worker could use cores that it does not hold.
      return void this.stop(kept);
    }
    kept.timer = setTimeout(() => this.expire(kept), idleLeftMs(kept));
  }

  /** It was idle for long enough; it stays if too few others of its kind are there. */
  private expire(kept: Kept): void {
    const alike = this.idle.filter(({ key }) => key === kept.key).length;
    if (alike > (this.warmWanted.get(kept.key) ?? 0)) void this.stop(kept);
  }

  private stop(kept: Kept): Promise<void> {
    clearTimeout(kept.timer);
    kept.isStopped = true;
    kept.worker.kill();
    this.changed();
    return kept.gone;
  }
}
