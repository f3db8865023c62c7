// The simulated site: its machines, what its Slurm gave to whom, and what goes wrong there, all
// determined by a seed.

import type { Cluster } from "../../../src/core/ports/cluster.js";
import type { Store } from "../../../src/core/ports/store.js";
import type { Workers } from "../../../src/executor/workers/workers.js";
import type { NodeName } from "../../../src/model/ids.js";
import type { DaemonMessage, ExecutorMessage } from "../../../src/wire/messages.js";
import { Chance } from "../chance.js";
import { Books } from "../checker/books.js";
import { Process, Timeline } from "../timeline.js";
import { SimulatedNode } from "./node.js";

/**
 * Where a test may insert a fault: each item on its way is passed to the function, and its result
 * continues in its place.
 */
export interface Sabotage {
  readonly store?: (store: Store, world: World) => Store;
  readonly cluster?: (cluster: Cluster) => Cluster;
  /** What arrives instead of the message; [] loses it without a trace. */
  readonly toExecutor?: (message: DaemonMessage, world: World) => readonly DaemonMessage[];
  readonly toDaemon?: (message: ExecutorMessage, world: World) => readonly ExecutorMessage[];
  /** The node answers hooks before anything is free. */
  readonly answersAtOnce?: boolean;
  /** Executors do not look for jobs from before them. */
  readonly passesOverMarks?: boolean;
  /** The kernel freezes nothing, or resumes nothing. */
  readonly neverFreezes?: boolean;
  readonly neverThaws?: boolean;
  /** Executors read late whatever their workers say. */
  readonly hearsLate?: boolean;
  /** Changes the pool of an executor's workers. */
  readonly workers?: (workers: Workers) => void;
}

export interface WorldOptions {
  readonly seed: number;
  /** Gets a line of what happens; null: nobody listens. */
  readonly tell: ((line: string) => void) | null;
  readonly sabotage: Sabotage;
}

/** How slow and how faulty things are now; the steps change it. */
export interface Weather {
  /** Slurm's commands take so many times longer. */
  slurmSlowness: number;
  slurmAnswers: "right" | "wrong" | "never";
  /** Code is loaded from a file system that is busy. */
  loadSlowness: number;
  diskSlowness: number;
  diskIsFull: boolean;
  /** Where no command can be started: its working directory is not mounted. */
  sickNode: string | null;
  /** Probabilities. */
  launchFails: number;
  slowKill: number;
  messageLost: number;
  messageDoubled: number;
}

const fairWeather: Weather = {
  slurmSlowness: 1,
  slurmAnswers: "right",
  loadSlowness: 1,
  diskSlowness: 1,
  diskIsFull: false,
  sickNode: null,
  launchFails: 0,
  slowKill: 0,
  messageLost: 0,
  messageDoubled: 0,
};

/** 2026-01-01, when every world begins. */
const firstWallMs = 1_767_225_600_000;

const briskEvery = 4;

export class World {
  readonly chance: Chance;
  readonly timeline: Timeline;
  readonly books: Books;
  readonly sabotage: Sabotage;
  readonly nodes: readonly SimulatedNode[];
  readonly weather: Weather = { ...fairWeather };
  /** Nodes that cannot reach the daemon now. */
  readonly cutOff = new Set<NodeName>();
  /** In some seeds all work is short, and arrays are large: tasks are ordered together. */
  readonly isBrisk: boolean;
  readonly memoryIsConsumable: boolean;
  readonly maxMemoryPerCoreMb: number | null;
  /** The daemon's machine was set to this much later (or earlier). */
  wallShiftMs = 0;
  /** Nothing breaks any more. */
  isAtRest = false;
  readonly problems: string[] = [];

  constructor(private readonly options: WorldOptions) {
    const { seed, sabotage } = options;
    this.chance = new Chance(seed);
    this.isBrisk = seed % briskEvery === 0;
    this.sabotage = sabotage;
    this.timeline = new Timeline((thrown) => this.broke(thrown));
    this.books = new Books(this);
    this.memoryIsConsumable = this.chance.happens(0.8);
    this.maxMemoryPerCoreMb = this.chance.happens(0.5) ? 1_000 : null;
    this.nodes = Array.from({ length: this.chance.whole(2, 4) }, (_, at) => {
      const cores = this.chance.pick([4, 8, 16]);
      return new SimulatedNode(this, `n${at + 1}`, cores, cores * 1_000);
    });
  }

  get nowMs(): number {
    return this.timeline.nowUs / 1_000;
  }

  node(name: NodeName): SimulatedNode {
    return this.nodes.find((each) => each.name === name)!;
  }

  process(name: string, bootedUs: number): Process {
    const wallMs = firstWallMs + this.nowMs + this.wallShiftMs;
    return new Process(name, this.timeline, wallMs, bootedUs);
  }

  /** What happens outside of every process. */
  after(delayMs: number, happen: () => void): void {
    this.timeline.after(delayMs, null, happen);
  }

  within(process: Process, delayMs: number, happen: () => void): void {
    this.timeline.after(delayMs, process, happen);
  }

  /** A process dies at one of its next effects, just before or just after it. */
  doom(effects: number): Process["doom"] {
    const { chance } = this;
    return { effects: chance.whole(1, effects), isBefore: chance.happens(0.5) };
  }

  get isTold(): boolean {
    return this.options.tell !== null;
  }

  tell(line: string): void {
    this.options.tell?.(`${this.nowMs.toFixed(3).padStart(12)}  ${line}`);
  }

  clearUp(): void {
    Object.assign(this.weather, fairWeather);
    this.cutOff.clear();
  }

  /** A promise that does not hold. */
  complain(sentence: string): void {
    this.problems.push(sentence);
    this.tell(`BROKEN: ${sentence}`);
  }

  broke(thrown: unknown): void {
    this.complain(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  }
}
