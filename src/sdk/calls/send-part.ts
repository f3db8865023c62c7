// Sends one part of a map, and after a broken connection again: its request id makes it one map.

import { setTimeout as pause } from "node:timers/promises";
import { GleanerError } from "../../model/errors.js";
import type { MapAnswer, MapRequest } from "../../wire/api/types.js";
import type { GleanerClient } from "../client.js";
import { BrokenOffError } from "../http/answer.js";
import { randomUuid } from "../random.js";
import { unreachable } from "./part-run.js";
import type { Part } from "./parts.js";

type Client = Pick<GleanerClient, "streamMap">;

const pausesMs = [200, 800, 2_000, 4_000, 8_000, 16_000, 30_000, 60_000];

/**
 * Resolves once the part is durable; with no tasks if none of its inputs can be sent. `isKnown`:
 * gleanerd has answered before, so that it is restarting if nobody listens.
 */
export async function sendPart(
  client: Client,
  asked: Omit<MapRequest, "inputs" | "requestId">,
  part: Part,
  signal: AbortSignal,
  isKnown = false,
): Promise<MapAnswer> {
  const request = { requestId: randomUuid(), ...asked };
  let wasSent = isKnown;
  for (const pauseMs of pausesMs) {
    try {
      return await client.streamMap(request, () => part.open());
    } catch (error) {
      if (part.failure !== null) throw part.failure.reason;
      if (part.isRead && part.count === 0 && isEmpty(error)) return { id: 0, tasks: 0 };
      if (!(error instanceof GleanerError) || error.code !== "UNREACHABLE") throw error;
      wasSent ||= error instanceof BrokenOffError;
      if (!wasSent) throw error;
      if (!part.canRepeat) return accepted(client, request, part);
      await pause(pauseMs, undefined, { signal });
    }
  }
  throw new GleanerError("UNREACHABLE", unreachable);
}

/** What a part that is too large to be sent again was answered. */
async function accepted(
  client: Client,
  request: Omit<MapRequest, "inputs">,
  part: Part,
): Promise<MapAnswer> {
  for (const pauseMs of pausesMs) {
    await pause(pauseMs);
    try {
      return await client.streamMap(request, nothing);
    } catch (error) {
      if (!(error instanceof GleanerError)) throw error;
      if (error.code !== "UNREACHABLE") break;
    }
  }
  throw new GleanerError(
    "UNREACHABLE",
    `the connection to gleanerd broke while ${part.count} inputs were sent, and none was accepted: start the map again`,
  );
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** The map has no inputs. */
const isEmpty = (error: unknown): boolean =>
  error instanceof GleanerError && error.code === "BAD_REQUEST";
