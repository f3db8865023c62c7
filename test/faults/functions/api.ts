// The daemon's handlers for functions and calls, as a request of the API reaches them.

import { ArrivedInput } from "../../../src/daemon/api/calls/arrived-input.js";
import { type AskedCall, answerOne } from "../../../src/daemon/api/calls/synchronous.js";
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
import { answerText } from "../../../src/wire/api/payloads.js";
import type { AnswerOf, RouteName } from "../../../src/wire/api/types.js";
import { config, type Daemon } from "../site/daemon-host.js";
import { type Person, people, type Users } from "../site/users.js";
import { inputType, textIn } from "./contents.js";

type Api = ReturnType<typeof callHandlers> &
  ReturnType<typeof leaseHandlers> &
  ReturnType<typeof mapHandlers> &
  ReturnType<typeof functionHandlers>;

type CarriedCall = Omit<AskedCall, "input"> & { readonly input: Buffer };

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
  private readonly common = new WeakMap<Daemon, ReturnType<Apis["newCommon"]>>();

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

  /**
   * A call on a connection for calls, with which its large input comes; null if gleanerd has no
   * memory for it at present. The result comes with the answer, too, if it is in memory.
   */
  async carry(
    daemon: Daemon,
    caller: Person,
    { input, ...asked }: CarriedCall,
  ): Promise<(AnswerOf<"call"> & { readonly text: string | null }) | null> {
    const giveBack = daemon.parts.carriedMemory.take(caller.uid, input.length);
    if (giveBack === null) return null;
    const arrived = new ArrivedInput(caller.uid, inputType, input, giveBack);
    const staying = new AbortController().signal;
    const call = { ...asked, input: arrived };
    try {
      const { content, answer, ...answered } = await answerOne(
        this.commonOf(daemon),
        caller,
        call,
        staying,
      );
      const text = answer === null ? null : answerText(answer);
      const body = content?.body;
      if (body != null) return { ...answered, answer: text, text: body.toString() };
      await content?.keep.orFailed();
      return { ...answered, answer: text, text: await textIn(daemon, caller, text) };
    } finally {
      await arrived.dropUnlessCarried();
    }
  }

  /** gleanerd's own rounds, which run while it serves the API. */
  warmRounds(daemon: Daemon): readonly Rounds[] {
    const common = { ...daemon.parts, ...this.users.routes(daemon), accounts };
    return warmRounds(config, common, daemon.log);
  }

  private commonOf(daemon: Daemon): ReturnType<Apis["newCommon"]> {
    const common = this.common.get(daemon) ?? this.newCommon(daemon);
    this.common.set(daemon, common);
    return common;
  }

  private newCommon(daemon: Daemon) {
    const { parts, store } = daemon;
    const directory = new Directory({ ...parts, store, accounts });
    const bundleChecks = new BundleChecks();
    const callIds = new CallIds(store);
    const routes = this.users.routes(daemon);
    return { ...routes, ...parts, accounts, directory, bundleChecks, callIds };
  }

  private open(daemon: Daemon): Api {
    const common = this.commonOf(daemon);
    const leases = leaseHandlers({ ...common, leasePolicy: config.leases });
    const calls = { ...callHandlers(common), ...mapHandlers(common) };
    return { ...calls, ...leases, ...functionHandlers(common) };
  }
}
