// Puts together what keeps workers of functions warm, and starts them before they are called.

import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Config } from "../config.js";
import type { CallMade } from "../core/functions/pool/expected-calls.js";
import { askedCheck } from "../core/submission/call.js";
import type { NodeName } from "../model/ids.js";
import type { AttemptOrder } from "../wire/messages.js";
import { accept, type InvocationRoutes } from "./api/invocations.js";
import type { Accounts } from "./auth/accounts.js";
import { MinWarm } from "./functions/warm/min-warm.js";
import { SparesAhead } from "./functions/warm/spares-ahead.js";
import { StartsAhead } from "./functions/warm/starts-ahead.js";
import { orderFor } from "./invocations/orders/order.js";
import type { Rounds } from "./records/rounds.js";
import type { Parts } from "./startup/assemble.js";

/** Executors of an earlier daemon have connected by then, and said what is warm. */
export const warmAfterMs = 5_000;

interface Common
  extends InvocationRoutes,
    Pick<Parts, "events" | "keepAlive" | "stoppedFunctions"> {
  readonly accounts: InvocationRoutes["accounts"] & Pick<Accounts, "byUid" | "gidOf">;
}

/** They run while the API is served. */
export const warmRounds = (config: Config, common: Common, log: Logger): readonly Rounds[] => [
  minWarmOf(config, common, log),
  startsAheadOf(common, log),
  sparesAheadOf(common, log),
];

const minWarmOf = (config: Config, common: Common, log: Logger): MinWarm =>
  new MinWarm({
    ...common,
    log,
    limitMbOfUser: config.functions.maxWarmMbOfUser,
    isStopped: ({ owner, version }) =>
      common.stoppedFunctions.whyStopped(owner.uid, version) !== null,
    warmUp: async (owner, version) => {
      const submission = askedCheck(version, "warm");
      const inputs = [{ contentType: "", body: new Uint8Array() }];
      await accept(
        common,
        { ...owner, operator: false },
        { requestId: randomUUID(), submission, inputs },
      );
    },
  });

const startsAheadOf = (common: Common, log: Logger): StartsAhead =>
  new StartsAhead({
    ...common,
    log,
    isStopped: (uid, version) => common.stoppedFunctions.whyStopped(uid, version) !== null,
    orderOf: (expected, node) => orderLike(expected, node, expected.keepMs),
  });

const sparesAheadOf = (common: Common, log: Logger): SparesAhead =>
  new SparesAhead({
    ...common,
    log,
    orderOf: (call, node) => orderLike(call, node),
  });

/** The order of a call that nobody has made yet. */
const orderLike = (
  { invocation, submission }: CallMade,
  node: NodeName,
  keepMs: number | null = null,
): AttemptOrder => {
  const input = { contentType: "", body: new Uint8Array() };
  return orderFor(invocation, node, { submission, input }, null, keepMs);
};
