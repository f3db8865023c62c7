// Stops gleanerd: each step has a limit, because executors wait 30 s for the next gleanerd, and
// systemd not much longer.

import { once } from "node:events";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { clearTimeout, pause, setTimeout } from "../../clock.js";
import { messageOf } from "../../model/errors.js";

/** All steps together take less than the 5 s that a restart may take. */
const stepMs = 1_000;

/**
 * Resolves when `work` is done, has failed or took too long: the next gleanerd recovers what was
 * not recorded.
 */
export async function inTime(log: Logger, what: string, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      log.warn(
        { what, afterMs: stepMs },
        "a step of the shutdown takes too long: continuing without it",
      );
      resolve();
    }, stepMs);
  });
  const done = work.catch((cause: unknown) =>
    log.error({ what, cause: messageOf(cause) }, "a step of the shutdown failed"),
  );
  await Promise.race([done, late]);
  clearTimeout(timer);
}

/** Accepts no more requests, and lets running ones be answered. */
export async function closeApi(
  api: FastifyInstance,
  acceptor: { close(): Promise<void> },
): Promise<void> {
  const { server } = api;
  const closed = Promise.all([once(server, "close"), acceptor.close()]);
  server.close();
  server.closeIdleConnections();
  // Half of the time is for answers; whatever is left then is cut off.
  await Promise.race([closed, pause(stepMs / 2)]);
  await api.close();
}
