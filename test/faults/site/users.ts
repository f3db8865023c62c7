// The users of the simulated site: they repeat submissions until they are answered, change their
// time limits, and cancel; operators drain and resume.

import { cancel, holdHandlers } from "../../../src/daemon/api/cancel.js";
import type { FunctionRoutes } from "../../../src/daemon/api/functions.js";
import { type Asked, accept, type InvocationRoutes } from "../../../src/daemon/api/invocations.js";
import { recordingFirst } from "../../../src/daemon/invocations/call-records.js";
import { Changes } from "../../../src/daemon/scheduling/changes.js";
import { GleanerError } from "../../../src/model/errors.js";
import { type InvocationId, invocationId } from "../../../src/model/ids.js";
import type { RequestedSubmission } from "../../../src/model/invocation.js";
import { maxEnvironmentBytes, maxScriptBytes } from "../../../src/wire/api/limits.js";
import { Clients } from "./clients.js";
import { config, type Daemon, type DaemonHost } from "./daemon-host.js";
import type { World } from "./world.js";

export const people = ["ada", "ben", "cleo"].map((user, at) => ({
  uid: 1_000 + at,
  gid: 1_000 + at,
  user,
  operator: user === "ada",
}));
export type Person = (typeof people)[number];

export class Users {
  /** Ids that an answer named. */
  readonly answered: InvocationId[] = [];
  readonly clients: Clients;
  private readonly changes = new WeakMap<Daemon, Changes>();
  private requests = 0;

  constructor(
    private readonly world: World,
    private readonly daemonHost: DaemonHost,
  ) {
    this.clients = new Clients(world, daemonHost);
  }

  routes(daemon: Daemon): InvocationRoutes & Pick<FunctionRoutes, "admission"> {
    const { parts } = daemon;
    return {
      ...parts,
      store: recordingFirst(daemon.store, parts.live.unrecorded),
      accounts: { byName: async () => null },
      access: { require: async () => {} },
      reserve: { require: async () => {} },
      admission: {
        ...config.functions,
        maxScriptBytes,
        maxEnvironmentBytes,
        allowRootFunctions: false,
      },
      largestNode: () => parts.capacity.largestNode(),
    };
  }

  submit(): void {
    const { chance, isBrisk } = this.world;
    const tasks = chance.happens(0.3) ? chance.whole(2, isBrisk ? 40 : 6) : null;
    const cores = chance.weighted([
      [4, 1],
      [2, 2],
      [1, 4],
    ]);
    const submission: RequestedSubmission = {
      name: chance.pick(["f", "g"]),
      command: { kind: "argv", argv: ["true"] },
      cores,
      memoryMb: chance.whole(10, 900) * cores,
      gpus: 0,
      memoryPerCoreMb: null,
      timeLimitMs: chance.pick([500, 5_000, 30_000]),
      workingDirectory: "/home",
      stdoutPattern: null,
      stderrPattern: null,
      environment: {},
      arrayTasks: tasks === null ? null : Array.from({ length: tasks }, (_, task) => task),
      notice: null,
      checkpoint: false,
    };
    const requestId = `request-${++this.requests}`;
    const caller = chance.pick(people);
    this.clients.send({
      run: (daemon) =>
        accept(this.routes(daemon), caller, { requestId, submission } as unknown as Asked),
      done: ({ id, tasks }) => this.world.books.acknowledged(requestId, id, tasks),
      answered: ({ id, tasks }) => this.accepted(id, tasks),
    });
  }

  /** An answer names what may be cancelled. */
  accepted(id: InvocationId, tasks: number): void {
    for (let task = 0; task < tasks; task++) this.answered.push(invocationId(id + task));
  }

  cancel(): void {
    const { world, daemonHost } = this;
    const daemon = daemonHost.listening;
    if (daemon === null || this.answered.length === 0) return;
    const ids = [String(world.chance.pick(this.answered.slice(-20)))];
    world.tell(`a user cancels ${ids}`);
    world.books.causes.cancelAsked(ids);
    world.within(daemon.process, world.chance.ms(0.1, 2), () => {
      cancel(this.routes(daemon), people[0]!, { ids } as never).catch((thrown: unknown) => {
        if (!(thrown instanceof GleanerError)) world.broke(thrown);
      });
    });
  }

  /** Of what waits, and of what runs: an operator may also raise that. */
  changeLimit(): void {
    const { world, daemonHost } = this;
    const daemon = daemonHost.listening;
    const open = world.books.openCommands(world.chance.happens(0.7) ? "running" : "waiting");
    if (daemon === null || open.length === 0) return;
    const { array, user } = world.chance.pick(open);
    const ids = [String(array)];
    const timeLimitMs = world.chance.pick([200, 1_000, 10_000, 60_000]);
    const owner = people.find((person) => person.user === user)!;
    const caller = world.chance.pick([owner, people[0]!]);
    world.tell(`${caller.user} changes the time limit of ${ids} to ${timeLimitMs} ms`);
    const routes = this.routes(daemon);
    const changes = this.changes.get(daemon) ?? new Changes({ ...daemon.parts, ...routes });
    this.changes.set(daemon, changes);
    const { update } = holdHandlers({ ...routes, changes });
    world.within(daemon.process, world.chance.ms(0.1, 2), () => {
      const asked = { caller, body: { ids, timeLimitMs }, request: {} };
      Promise.resolve(update(asked as never)).catch((thrown: unknown) => {
        if (!(thrown instanceof GleanerError)) world.broke(thrown);
      });
    });
  }

  /** Takes a node (or all) out for Gleaner, or back. */
  operate(what: "drain" | "resume", node: string, now: boolean): void {
    const { world, daemonHost } = this;
    const daemon = daemonHost.listening;
    if (daemon === null) return;
    world.tell(`an operator: ${what} ${node}`);
    world.within(daemon.process, 0.5, () => {
      const { drains } = daemon.parts;
      const done = what === "drain" ? drains.drain([node], "ada", now) : drains.resume([node]);
      done.catch((thrown: unknown) => {
        if (!(thrown instanceof GleanerError)) world.broke(thrown);
      });
    });
  }
}
