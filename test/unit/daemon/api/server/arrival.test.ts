// How long a request's body may take, and that a request without one may wait for its answer.

import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import type { FastifyReply, FastifyRequest } from "fastify";
import { limitArrival } from "../../../../../src/daemon/api/server/arrival.js";
import { requestTimeoutMs } from "../../../../../src/daemon/api/server/refusals.js";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** What the client is told once its time is over; null if nothing. */
function toldAfter(headers: object, arrives: boolean): string | null {
  const told: string[] = [];
  const socket = { destroyed: false, writable: true, write: (text: string) => told.push(text) };
  const raw = Object.assign(new EventEmitter(), {
    socket: Object.assign(socket, { destroy: () => {} }),
  });
  const request = { raw, headers, routeOptions: { config: {} } } as unknown as FastifyRequest;
  limitArrival(request, { raw: new EventEmitter() } as unknown as FastifyReply);
  if (arrives) raw.emit("end");
  jest.advanceTimersByTime(requestTimeoutMs + 1);
  return told[0]?.split("\r\n")[0] ?? null;
}

test.each<[string, object, boolean]>([
  ["has no body", {}, false],
  ["says that it has no body, as the SDK does", { "content-length": "0" }, false],
  ["has arrived", { "content-length": "5" }, true],
])("a request that %s may wait for its answer", (_what, headers, arrives) => {
  expect(toldAfter(headers, arrives)).toBeNull();
});

test.each<[string, object]>([
  ["of a known length", { "content-length": "5" }],
  ["in chunks", { "transfer-encoding": "chunked" }],
])("a body %s that does not arrive is refused", (_what, headers) => {
  expect(toldAfter(headers, false)).toBe("HTTP/1.1 408 Request Timeout");
});
