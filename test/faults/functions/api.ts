// The daemon's handlers for functions and calls, as a request of the API reaches them.

import { callHandlers } from "../../../src/daemon/api/calls.js";
import { functionHandlers } from "../../../src/daemon/api/functions.js";
import { leaseHandlers } from "../../../src/daemon/api/leases/leases.js";
import { mapHandlers } from "../../../src/daemon/api/maps/maps.js";
import type { Handlers } from "../../../src/daemon/api/server/register.js";
import { BundleChecks } from "../../../src/daemon/functions/bundles.js";
import { Directory } from "../../../src/daemon/functions/directory.js";
import { CallIds } from "../../../src/daemon/invocations/call-records.js";
import type { Rounds } from "../../../src/daemon/records/rounds.js";
import { warmRounds } from "../../../src/daemon/warm.js";
import type { AnswerOf, RouteName } from "../../../src/wire/api/types.js";
import { config, type Daemon } from "../site/daemon-host.js";
import { type Person, people, type Users } from "../site/users.js";

type Api = ReturnType<typeof callHandlers> &
  ReturnType<typeof leaseHandlers> &
  ReturnType<typeof mapHandlers> &
  ReturnType<typeof functionHandlers>;

/** A body that arrives piece by piece. */
interface StreamedBody {
  readonly type: string;
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

const requestOf = ({ type, pieces }: StreamedBody) => ({
  headers: { "content-type": type },
  raw: { iterator: pieces, readableEnded: true, destroyed: true, destroy: () => undefined },
});

const accountOf = (who: Person | undefined) =>
  who === undefined ? null : { name: who.user, uid: who.uid, shell: "/bin/sh" };

const accounts = {
  byName: async (name: string) => accountOf(people.find(({ user }) => user === name)),
  byUid: async (uid: number) => accountOf(people.find((each) => each.uid === uid)),
  groupsOf: async () => [],
  groupNamed: async () => null,
  gidOf: async ({ uid }: { readonly uid: number }) => uid,
};

/** A client that stays until it has its answer. */
const reply = { raw: { destroyed: false, once: () => undefined } };

export class Apis {
  private readonly known = new WeakMap<Daemon, Api>();

  constructor(private readonly users: Users) {}

  /** What the shapes add to a request must be in it. */
  ask<Name extends RouteName & keyof Api>(
    daemon: Daemon,
    name: Name,
    caller: Person,
    asked: {
      readonly params?: object;
      readonly query?: object;
      readonly body?: object;
      readonly stream?: StreamedBody;
    },
  ): Promise<AnswerOf<Name>> {
    const api = this.known.get(daemon) ?? this.open(daemon);
    this.known.set(daemon, api);
    const handler = api[name] as unknown as Handlers[Name];
    const { stream, ...parts } = asked;
    const sent = stream === undefined ? {} : requestOf(stream);
    const request = { ...parts, caller, request: sent, reply } as unknown;
    return handler(request as Parameters<Handlers[Name]>[0]) as Promise<AnswerOf<Name>>;
  }

  /** gleanerd's own rounds, which run while it serves the API. */
  warmRounds(daemon: Daemon): readonly Rounds[] {
    const common = { ...daemon.parts, ...this.users.routes(daemon), accounts };
    return warmRounds(config, common, daemon.log);
  }

  private open(daemon: Daemon): Api {
    const { parts, store } = daemon;
    const directory = new Directory({ ...parts, store, accounts });
    const bundleChecks = new BundleChecks();
    const callIds = new CallIds(store);
    const routes = this.users.routes(daemon);
    const common = { ...routes, ...parts, accounts, directory, bundleChecks, callIds };
    const leases = leaseHandlers({ ...common, leasePolicy: config.leases });
    const calls = { ...callHandlers(common), ...mapHandlers(common) };
    return { ...calls, ...leases, ...functionHandlers(common) };
  }
}
