// The machine of gleanerd: the daemon's real parts over simulated ports, one process after the
// other on the same disk.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import { type Config, parseConfig } from "../../../src/config.js";
import type { Launcher } from "../../../src/core/ports/launcher.js";
import type { Store } from "../../../src/core/ports/store.js";
import { Secrets } from "../../../src/daemon/auth/tokens.js";
import { wakesFor } from "../../../src/daemon/capacity/wake.js";
import { Cleaning } from "../../../src/daemon/functions/cleaning.js";
import { Retention } from "../../../src/daemon/records/retention.js";
import type { Rounds } from "../../../src/daemon/records/rounds.js";
import type { Adapters } from "../../../src/daemon/startup/adapters.js";
import { assemble, type Parts } from "../../../src/daemon/startup/assemble.js";
import { recover } from "../../../src/daemon/startup/recovery.js";
import { subscriberFailed } from "../../../src/daemon/state/events.js";
import { warmAfterMs } from "../../../src/daemon/warm.js";
import { AssertionError, GleanerError } from "../../../src/model/errors.js";
import type { ExecutorId, JobId, NodeName } from "../../../src/model/ids.js";
import { leasePrices } from "../checker/bills.js";
import type { Process } from "../timeline.js";
import { Contents } from "./contents.js";
import type { Disk } from "./disk.js";
import { ExecutorProcess } from "./executor-process.js";
import type { Link } from "./network.js";
import { programs, type Slurm } from "./slurm.js";
import type { World } from "./world.js";

export const config: Config = parseConfig(
  {
    runDirectory: "/simulated/run",
    logDirectory: "/simulated/log",
    placement: { memoryMarginMb: 100 },
    // No file of the machine on which the simulation runs.
    functions: { maxPending: 500, gpuDevices: null },
    blobs: { keepUnusedMs: 180_000 },
    results: { keepMs: 60_000 },
    rates: { leases: leasePrices },
    programs: { node: "/simulated/node", executor: "/simulated/executor", ...programs },
  },
  "the simulated site",
);

const secrets = loadSecrets();

function loadSecrets(): Secrets {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-faults-"));
  try {
    return Secrets.load(join(folder, "key"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One life of gleanerd. */
export class Daemon {
  private readonly woken: ReturnType<typeof wakesFor>;
  private readonly cleaning: Cleaning;
  private readonly retention: Retention;
  /** What runs while the API is served. */
  rounds: readonly Rounds[] = [];

  constructor(
    readonly process: Process,
    readonly parts: Parts,
    readonly store: Store,
    readonly log: Logger,
  ) {
    this.woken = wakesFor(parts);
    const { retainDays } = config.store;
    const keep = { retainDays, keepResultsMs: config.results.keepMs };
    this.retention = new Retention(store, keep, log);
    const { keepUnusedMs } = config.blobs;
    const inUse = () => parts.live.versions();
    this.cleaning = new Cleaning(parts.blobs, store, inUse, keepUnusedMs, log);
  }

  accept(executor: ExecutorId, link: Link): void {
    this.parts.executors.connected(executor, link.daemon);
  }

  /** What the daemon does at intervals; `isLater`: when results are old, too. */
  async clean(isLater: boolean): Promise<void> {
    if (isLater) await this.retention.run();
    await this.cleaning.run();
  }

  wake(node: NodeName, job: JobId): void {
    const clusterName = this.parts.capacity.snapshot?.facts.clusterName;
    if (clusterName !== undefined) this.woken({ clusterName, node, job });
  }
}

/** An ssh that has to wait for a node which swaps. */
export const slowestLaunchMs = 20_000;

export class DaemonHost {
  /** Takes connections and requests. */
  listening: Daemon | null = null;
  /** What each gleanerd repeats from its start on. */
  roundsOf: (daemon: Daemon) => readonly Rounds[] = () => [];
  private process: Process | null = null;
  private readonly bootedUs: number;
  readonly contents: Contents;
  private lives = 0;
  private names = 0;

  constructor(
    private readonly world: World,
    private readonly slurm: Slurm,
    private readonly disk: Disk,
  ) {
    this.bootedUs = world.chance.whole(1, 1_000_000_000) * 1_000;
    world.books.controllerBootedMs = this.bootedUs / 1_000;
    this.contents = new Contents(world, (sha256) => disk.hasBlob(sha256));
    slurm.onWake = (node, job) => {
      const { listening } = this;
      if (listening !== null)
        world.within(listening.process, world.chance.ms(0.1, 1), () => listening.wake(node, job));
    };
  }

  get running(): Process | null {
    return this.process?.isAlive === true ? this.process : null;
  }

  /** As startDaemon does it, without sockets. */
  start(): void {
    const { world } = this;
    const process = world.process(`gleanerd ${++this.lives}`, this.bootedUs);
    this.process = process;
    process.whenDead(() => {
      world.tell(`${process.name} is dead`);
      world.books.causes.breaks("*");
      this.listening = null;
    });
    world.within(process, 1, () => {
      this.begin(process).catch((thrown: unknown) => {
        // A disk that is full: the service is started again in a while.
        if (thrown instanceof AssertionError || !(thrown instanceof GleanerError))
          world.broke(thrown);
        process.die();
      });
    });
  }

  private async begin(process: Process): Promise<void> {
    const { world, disk, slurm } = this;
    const store = disk.storeOf(process);
    const adapters: Adapters = {
      cluster: slurm.portFor(process),
      launcher: this.launcher(process),
      blobFiles: this.contents.filesOf(process),
      statDisk: this.contents.statDisk,
      secrets,
      newName: () => String(++this.names),
    };
    const log = this.log(process);
    const parts = assemble(config, store, adapters, log);
    await recover(parts, store);
    // What is dead may finish its turn, and nobody hears of it.
    if (!process.isAlive) return;
    const daemon = new Daemon(process, parts, store, log);
    this.listening = daemon;
    daemon.rounds = this.roundsOf(daemon);
    for (const each of daemon.rounds) each.start(warmAfterMs);
    world.tell(`${process.name} is ready`);
    void parts.capacity.start();
  }

  /** SIGTERM: what daemon.ts does, then it is gone. */
  stop(): void {
    const daemon = this.listening;
    if (daemon === null) return;
    const { parts, process } = daemon;
    this.world.within(process, 0, async () => {
      await parts.capacity.stop();
      await Promise.all(daemon.rounds.map((each) => each.stop()));
      this.listening = null;
      parts.executors.close();
      await parts.recorder.flush();
      await parts.learning.save();
      process.die();
    });
  }

  private log(process: Process): Logger {
    const { world } = this;
    const write = (line: string) => {
      const { level, time, pid, hostname, msg, ...details } = JSON.parse(line);
      if (msg === subscriberFailed) world.broke(new Error(`${msg}: ${details.err.stack}`));
      world.tell(`${process.name}: ${msg} ${JSON.stringify(details)}`);
    };
    return pino({ level: world.isTold ? "debug" : "error" }, { write });
  }

  /** Over ssh: slow now and then, and not always right about what happened. */
  private launcher(process: Process): Launcher {
    const { world } = this;
    const { chance, weather } = world;
    return {
      placement: "direct",
      launch: (name, _address, _id, input) =>
        new Promise((resolve, reject) => {
          const fail = () => reject(new GleanerError("LAUNCH", "ssh ended with status 255"));
          process.act(() => {
            const node = world.node(name);
            const tookMs = chance.happens(0.9) ? chance.ms(5, 50) : chance.ms(50, slowestLaunchMs);
            const isFaulty = chance.happens(weather.launchFails);
            const starts = !isFaulty || chance.happens(0.4);
            if (starts)
              world.after(tookMs, () => {
                if (!node.isUp || world.cutOff.has(name)) return;
                const executor = new ExecutorProcess(world, node, this, input);
                world.tell(`${name}: ${executor.spec.executor} is started`);
                node.processes.set(executor.spec.executor, executor.process);
              });
            world.within(process, tookMs + chance.ms(1, 5), () => {
              if (isFaulty || !node.isUp || world.cutOff.has(name)) fail();
              else resolve();
            });
          });
        }),
      probe: (name, _address, id) =>
        new Promise((resolve) => {
          process.act(() => {
            world.within(process, chance.ms(1, 20), () => {
              const node = world.node(name);
              if (!node.isUp || world.cutOff.has(name) || chance.happens(0.02)) resolve("unknown");
              else resolve(node.processes.get(id)?.isAlive === true ? "running" : "gone");
            });
          });
        }),
      close: async () => {},
    };
  }
}
