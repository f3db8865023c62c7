// Runs calls in workers, and everything else in a process of its own.

import type { Resources } from "../../model/resources.js";
import type { Runtime } from "../runtimes/runtime.js";
import type { Workers } from "./workers.js";

/** `room`: what no attempt holds of what may be used. */
export const withWorkers = (exec: Runtime, workers: Workers, room: () => Resources): Runtime => ({
  get hasIdle() {
    return workers.hasIdle;
  },
  seatFor: (order) => (order.command.kind === "call" ? workers.seatFor(order) : null),
  yieldTo: (free) => workers.yieldTo(free),
  hold: (isHeld) => workers.hold(isHeld),
  prepare: (order, free) =>
    order.command.kind === "call"
      ? workers.prepare(order, free, room)
      : exec.prepare(order, workers.roomFor(order, free)),
});
