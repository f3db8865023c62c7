// The real daemon's parts over a real store and real sockets, with nodes whose executors are
// scripts of the test.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import { parseConfig } from "../../../src/config.js";
import type { Cluster } from "../../../src/core/ports/cluster.js";
import type { Launcher } from "../../../src/core/ports/launcher.js";
import type { Store } from "../../../src/core/ports/store.js";
import { digestOf } from "../../../src/core/submission/digest.js";
import { Secrets } from "../../../src/daemon/auth/tokens.js";
import { assemble, type Parts } from "../../../src/daemon/startup/assemble.js";
import { recover } from "../../../src/daemon/startup/recovery.js";
import type { ExecutorId, InvocationId } from "../../../src/model/ids.js";
import { nodeName } from "../../../src/model/ids.js";
import type { Resources } from "../../../src/model/resources.js";
import {
  acceptExecutor,
  connectToDaemon,
  type ExecutorConnection,
} from "../../../src/wire/handshake.js";
import type { LaunchSpec } from "../../../src/wire/launch.js";
import type {
  AttemptKey,
  AttemptOrder,
  AttemptReport,
  DaemonMessage,
  ExecutorMessage,
} from "../../../src/wire/messages.js";
import { facts, node, submission } from "../nouns.js";
import { submitTo } from "../store/samples.js";
import { MemoryBlobFiles } from "./memory-blobs.js";

const config = parseConfig({ functions: { maxLostAttempts: 1_000 } }, "the hostile site");
/** An attempt that no site has: what is said of it is answered, and changes nothing. */
const nobodys = 4_000_000_000;

type Told<Type extends DaemonMessage["type"]> = DaemonMessage & { readonly type: Type };

/** One executor that does what the test says. */
export class ScriptedExecutor {
  readonly heard: DaemonMessage[] = [];
  isOver = false;
  private probes = 0;
  private readonly waiting = new Set<() => void>();

  constructor(
    readonly spec: LaunchSpec,
    readonly connection: ExecutorConnection,
  ) {
    connection.listen({
      onMessage: (message) => {
        this.heard.push(message);
        this.wake();
      },
      onClose: () => {
        this.isOver = true;
        this.wake();
      },
    });
  }

  private wake(): void {
    for (const each of this.waiting) each();
  }

  /** Also what is no message. */
  say(message: unknown): void {
    this.connection.send(message as ExecutorMessage);
  }

  ready(
    budget: Resources,
    change: Partial<Extract<ExecutorMessage, { type: "ready" }>> = {},
  ): void {
    this.say({
      type: "ready",
      pid: 1,
      hostName: this.spec.node,
      containment: "cgroup2",
      hookProblem: null,
      budget,
      answersFor: [],
      markedJobs: [],
      hookSequence: 0,
      ...change,
    });
  }

  ends(key: AttemptKey, change: Partial<AttemptReport> = {}, voucher?: Uint8Array): void {
    const { invocation, attempt } = key;
    const usage = { wallMs: 0, cpuMs: 0, maxRssMb: 0, agoMs: 0 };
    const report = { end: "COMPLETED", exitCode: 0, signal: null, reason: null, ...usage };
    this.say({ type: "ended", report: { invocation, attempt, ...report, ...change }, voucher });
  }

  /** gleanerd believes no run to be longer than the time since its order, so that passes first. */
  async endsInTime(...[key, change, voucher]: Parameters<ScriptedExecutor["ends"]>): Promise<void> {
    const sinceMs = performance.now();
    while (performance.now() - sinceMs < (change?.wallMs ?? 0) + 2) await turn();
    this.ends(key, change, voucher);
  }

  /** Resolves when `holds` does, or the connection is closed. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.isOver)
      await new Promise<void>((resolve) => {
        const go = () => {
          this.waiting.delete(go);
          resolve();
        };
        this.waiting.add(go);
      });
  }

  get orders(): readonly AttemptOrder[] {
    return this.heard
      .filter((each): each is Told<"start"> => each.type === "start")
      .map(({ order }) => order);
  }

  async ordered(count: number): Promise<readonly AttemptOrder[]> {
    await this.until(() => this.orders.length >= count);
    return this.orders;
  }

  /** Resolves when all that was said is heard, or the connection is closed. */
  async isHeard(): Promise<void> {
    const attempt = ++this.probes;
    this.ends({ invocation: nobodys as InvocationId, attempt });
    await this.until(() =>
      this.heard.some(({ type, ...rest }) => {
        const key = "key" in rest ? rest.key : null;
        return type === "recorded" && key?.invocation === nobodys && key.attempt === attempt;
      }),
    );
  }
}

export class HostileSite {
  readonly blobFiles = new MemoryBlobFiles();
  readonly logged: string[] = [];
  parts!: Parts;
  private server!: Server;
  private port = 0;
  private names = 0;
  private readonly launched = new Map<ExecutorId, LaunchSpec>();
  private readonly connections = new Set<ExecutorConnection>();
  private readonly folder = mkdtempSync(join(tmpdir(), "gleaner-hostile-"));
  private readonly log: Logger = pino({}, { write: (line) => void this.logged.push(line) });

  constructor(readonly store: Store) {}

  /** A first daemon, or the next one over the same store. */
  async start(): Promise<void> {
    const launcher: Launcher = {
      placement: "direct",
      launch: async (_node: string, _address: string, id: ExecutorId, input: string) =>
        void this.launched.set(id, JSON.parse(input)),
      probe: async () => "running",
      close: async () => {},
    };
    const cluster = { commandCount: () => 0, rpcCount: () => 0 } as Cluster;
    const secrets = Secrets.load(join(this.folder, "key"));
    const newName = () => String(++this.names);
    const { blobFiles } = this;
    const adapters = { cluster, launcher, blobFiles, secrets, newName };
    this.parts = assemble(config, this.store, adapters, this.log);
    await recover(this.parts, this.store);
    const { executors } = this.parts;
    this.server = createServer((socket) => {
      acceptExecutor(socket, (id) => secrets.ofExecutor(id)).then(
        ({ executor, connection }) => executors.connected(executor, connection),
        () => {},
      );
    });
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.parts.leases.close();
    this.parts.executors.close();
    this.server.close();
    await once(this.server, "close");
  }

  async end(): Promise<void> {
    await this.stop();
    await Promise.all([...this.connections].map((each) => each.close()));
    rmSync(this.folder, { recursive: true });
  }

  /** Launches one with this budget, which then connects with its secret. */
  async executorOn(name: string, cores: number): Promise<ScriptedExecutor> {
    const budget = { cores, memoryMb: cores * 1_000, gpus: [] };
    const there = node({ name: nodeName(name), cores, memoryMb: 64_000 });
    this.parts.launching.start(there, { budget, seenHookSequence: 0, knownJobs: [] }, facts);
    const id = this.parts.registry.onNode(there.name)!.id;
    while (!this.launched.has(id)) await turn();
    return await this.connect(this.launched.get(id)!);
  }

  async connect(spec: LaunchSpec): Promise<ScriptedExecutor> {
    const address = { host: "127.0.0.1", port: this.port };
    const { executor, secret } = spec;
    const connection = await connectToDaemon({ ...address, executor, secret });
    this.connections.add(connection);
    return new ScriptedExecutor(spec, connection);
  }

  /** Returns the invocation's id. */
  async submit(user: string, cores: number, timeLimitMs = 3_600_000): Promise<InvocationId> {
    const asked = submission({ name: user, cores, memoryMb: 100, timeLimitMs });
    const owner = { uid: 1_000 + user.charCodeAt(0), gid: 1_000, user };
    const requestId = `${user}-${++this.names}`;
    const [made] = await submitTo(this.store, {
      requestId,
      owner,
      submission: asked,
      submittedAtMs: 0,
    });
    this.parts.live.add({ invocation: made!, digest: digestOf(owner.uid, asked) }, null);
    this.parts.dispatcher.kick();
    return made!.id;
  }

  /** Resolves when all that was to be written until now is durable, and known. */
  async settled(): Promise<void> {
    await turn();
    await this.store.saveLearned("settled", "0");
    await turn();
  }

  async recordOf(id: InvocationId) {
    const [row] = await this.store.listInvocations({ ids: [id], limit: 1 });
    return row!;
  }

  async billOf(user: string): Promise<number> {
    const lines = await this.store.bill({});
    return lines.find((line) => line.user === user)?.coreMs ?? 0;
  }
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
