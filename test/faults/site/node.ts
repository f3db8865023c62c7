// A simulated node: the marks of its hook, batch jobs that run there, functions and the executor,
// and the hook itself.

import {
  type ExecutorId,
  type JobId,
  type NodeName,
  nodeName,
  type VersionId,
} from "../../../src/model/ids.js";
import type { AttemptKey } from "../../../src/wire/messages.js";
import { codeFolder } from "../functions/node-code.js";
import type { Process } from "../timeline.js";
import type { ExecutorProcess } from "./executor-process.js";
import type { World } from "./world.js";

/** As configs/hook.conf has it. */
const answerMs = 100;
const killPollMs = 5;
/** The hook kills until its deadline of 2 s; nothing here takes that long to die. */
const slowestDeathMs = 900;

export interface Share {
  readonly cores: number;
  readonly memoryMb: number;
}

/** The processes of one attempt, or of a worker. */
export interface FunctionProcess extends Share {
  readonly key: AttemptKey;
  readonly executor: ExecutorId;
  isAlive: boolean;
  /** What it still takes beside its share; null if nothing. */
  readonly dying: Share | null;
  /** A worker that nobody has called yet: it runs its code only while no job wants its cores. */
  readonly isAhead?: boolean;
  die(): void;
}

/** What glean-spawn runs, as its executor handles it. */
export interface SimulatedRun extends FunctionProcess {
  /** SIGTERM. */
  terminate(): void;
  /** SIGKILL to what is in its group. */
  killStarted(): void;
  /** Also what was not begun. */
  kill(): void;
  freeze(isFrozen: boolean): void;
}

export class SimulatedNode {
  readonly name: NodeName;
  readonly bootedUs: number;
  isUp = true;
  /** What the hook knows the jobs by that are here: their processors, 0 where it could not tell. */
  readonly marks = new Map<JobId, number>();
  killNotes: { job: JobId; tookMs: number; left: number; atWallMs: number }[] = [];
  /** All that were started here, by the name of their executor. */
  readonly processes = new Map<ExecutorId, Process>();
  /** Who holds the claim to the node's folder. */
  executor: ExecutorProcess | null = null;
  readonly functions = new Set<FunctionProcess>();
  /** The bundles in its cache. */
  readonly code = new Map<VersionId, Buffer>();
  /** Batch jobs whose processes may run. */
  readonly jobs = new Map<JobId, Share>();

  constructor(
    private readonly world: World,
    name: string,
    readonly cores: number,
    readonly memoryMb: number,
  ) {
    this.name = nodeName(name);
    this.bootedUs = world.chance.whole(1, 1_000_000_000) * 1_000;
  }

  /** The bundle whose files are in a folder of the cache. */
  codeIn(folder: string): Buffer {
    return this.code.get(folder.slice(codeFolder.length) as VersionId)!;
  }

  /** How long a killed process needs to be gone. */
  deathMs(): number {
    const { chance, weather } = this.world;
    return chance.happens(weather.slowKill) ? chance.ms(20, slowestDeathMs) : chance.ms(0.3, 4);
  }

  /**
   * The hook of an arriving job, from its first instruction until the job's processes start, if
   * they are still wanted.
   */
  prolog(job: JobId, share: Share, isWanted: () => boolean, over: () => void): void {
    const { world } = this;
    const { chance } = world;
    // Now and then the number of processors cannot be read.
    const cpus = chance.happens(0.03) ? 0 : share.cores;
    this.marks.set(job, cpus);
    world.books.causes.takes(this.name);
    const startUs = world.timeline.nowUs;
    const ahead = [...this.functions].filter((each) => each.isAhead);
    const done = () => {
      if (isWanted()) {
        if (ahead.some((each) => each.isAhead && each.isAlive))
          world.complain(`harm: a worker started ahead is left on ${this.name} for job ${job}`);
        this.jobs.set(job, share);
        world.tell(`${this.name}: job ${job} starts on ${share.cores} cores`);
        world.books.checkNode(this, `job ${job} started`, true);
      }
      over();
    };
    const { executor } = this;
    if (executor === null || !executor.process.isAlive || !executor.isListening) {
      this.killExecutor(null, startUs, done);
      return;
    }
    let isOver = false;
    const finish = (answered: boolean) => {
      if (isOver) return;
      isOver = true;
      if (answered) done();
      else this.killExecutor(job, startUs, done);
    };
    world.after(answerMs, () => finish(false));
    executor.process.whenDead(() => world.after(0.1, () => finish(false)));
    const line = {
      kind: "begin",
      job: { job, cpus, gpus: [] },
      answerMs,
      startNs: BigInt(this.bootedUs + startUs) * 1_000n,
    } as const;
    world.within(executor.process, chance.ms(0.1, 1), () => {
      executor.begin(line).then(() => world.after(chance.ms(0.05, 0.3), () => finish(true)));
    });
  }

  /**
   * By its cgroup, as far as the hook knows it; `job` is null if nobody listened, which is not
   * worth a note.
   */
  private killExecutor(job: JobId | null, startUs: number, done: () => void): void {
    const { executor, world } = this;
    // Before its cgroup stands in executor.pid the process alone can be killed.
    const all = executor?.hasPublished ? [...this.functions] : [];
    const left = all.filter((each) => each.isAlive);
    if (executor === null || (!executor.process.isAlive && all.length === 0)) {
      done();
      return;
    }
    world.tell(`${this.name}: the hook kills ${executor.spec.executor}`);
    executor.process.die();
    const tookMs = () => Math.round((world.timeline.nowUs - startUs) / 1_000);
    // Also what glean-spawn is about to start.
    for (const each of all) each.die();
    const look = () => {
      if (left.some((each) => each.isAlive)) {
        world.after(killPollMs, look);
        return;
      }
      if (job !== null)
        this.killNotes.push({ job, tookMs: tookMs(), left: 0, atWallMs: this.wallMs });
      done();
    };
    world.after(this.deathMs(), look);
  }

  /** Of files on the node. */
  private get wallMs(): number {
    return this.world.process("a file", 0).nowMs;
  }

  /** `told`: whether an executor was there to hear of it. */
  epilog(job: JobId, over: (told: boolean) => void): void {
    const { chance } = this.world;
    this.marks.delete(job);
    const { executor } = this;
    const isThere = executor?.process.isAlive === true && executor.isListening;
    if (isThere)
      this.world.within(executor.process, chance.ms(0.1, 1), () => executor.handleEnd(job));
    this.world.after(chance.ms(0.5, 5), () => over(isThere));
  }

  /** Power is lost: all that ran is gone, and so is what was in /run. */
  crash(): void {
    this.isUp = false;
    this.executor?.link?.cut("its machine is gone");
    this.executor?.process.die();
    this.executor = null;
    for (const each of this.functions) each.die();
    this.functions.clear();
    this.jobs.clear();
    this.marks.clear();
    this.killNotes = [];
  }
}
