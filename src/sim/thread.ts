// The program of a thread that runs one replay and tells its progress and its result.

import { parentPort, workerData } from "node:worker_threads";
import { GleanerError } from "../model/errors.js";
import { type Replay, type Simulated, simulate } from "./simulate.js";
import { Changes } from "./site/changes.js";

/** A replay as it is sent to a thread, which gets copies without their methods. */
export type ReplayOrder = Omit<Replay, "onProgress">;

export type ReplayNews =
  | { readonly kind: "progress"; readonly share: number }
  | { readonly kind: "done"; readonly simulated: Simulated }
  | { readonly kind: "refused"; readonly code: GleanerError["code"]; readonly message: string };

const say = (news: ReplayNews): void => parentPort?.postMessage(news);

const order = workerData as ReplayOrder;
const trace = { ...order.trace, changes: Changes.copied(order.trace.changes) };
const onProgress = (share: number) => say({ kind: "progress", share });
try {
  say({ kind: "done", simulated: simulate({ ...order, trace, onProgress }) });
} catch (error) {
  // Others end the thread with their stack trace.
  if (!(error instanceof GleanerError)) throw error;
  say({ kind: "refused", code: error.code, message: error.message });
}
