// The requests for a map of any size and for its results: the inputs are packed on the disk
// while they arrive.

import type { FastifyRequest } from "fastify";
import { askedCall, type CalledVersion } from "../../../core/submission/call.js";
import { isStored, type StoredPayload } from "../../../model/call.js";
import { counted } from "../../../model/counted.js";
import { GleanerError } from "../../../model/errors.js";
import { FrameReader, framesType, linesType } from "../../../wire/api/input-frames.js";
import type { AnswerOf, AskedOf } from "../../../wire/api/types.js";
import type { Blobs } from "../../functions/blobs.js";
import { LineReader } from "../../functions/input-lines.js";
import { ownInputs } from "../../functions/own-inputs.js";
import { type InputReader, Packing } from "../../functions/packing.js";
import { type CallRoutes, callable } from "../calls/accepting.js";
import { accept, admitted } from "../invocations.js";
import { goOn } from "../server/admittance.js";
import { arriving } from "../server/arrival.js";
import { type Caller, goneSignal } from "../server/caller.js";
import type { Handlers } from "../server/register.js";
import { listResults } from "./results.js";

export interface MapRoutes extends CallRoutes {
  readonly blobs: Pick<Blobs, "writeRecorded"> & CallRoutes["blobs"];
}

export function mapHandlers(deps: MapRoutes): Pick<Handlers, "streamMap" | "results"> {
  return {
    results: ({ caller, params: { id }, query, reply }) =>
      listResults(deps, caller, { id, ...query }, goneSignal(reply)),
    streamMap: async ({ caller, query, request, reply }) => {
      const earlier = await earlierMap(deps, caller, query.requestId);
      if (earlier !== null) return earlier;
      const version = await callable(deps, caller, query.function);
      const reader = readerFor(request);
      // A map that cannot run is refused before its inputs are sent.
      admitted(deps, caller.uid, asked(version, caller, query, 1), []);
      goOn(request, reply);
      const { id, tasks } = await take(deps, caller, { version, query, reader }, request);
      const detail = `${query.function}, ${counted(tasks, "input")}`;
      request.act = { action: "submit", subject: String(id), detail };
      return { id, tasks };
    },
  };
}

type Query = AskedOf<"streamMap", "query">;

interface Streamed {
  readonly version: CalledVersion;
  readonly query: Query;
  readonly reader: InputReader;
}

const asked = (version: CalledVersion, caller: Caller, query: Query, tasks: number) =>
  askedCall(version, caller, { timeLimitMs: query.timeLimitMs ?? null, tasks });

/** What the same request was answered before; its body needs not be sent again. */
async function earlierMap(
  { store }: Pick<MapRoutes, "store">,
  { uid }: Caller,
  requestId: string,
): Promise<AnswerOf<"streamMap"> | null> {
  const found = await store.submittedWith(requestId);
  // Another user's is refused when it is recorded.
  return found?.uid === uid ? { id: found.id, tasks: found.tasks } : null;
}

function readerFor({ headers }: FastifyRequest): InputReader {
  const type = (headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
  if (type === linesType) return new LineReader();
  if (type === framesType) return new FrameReader();
  throw new GleanerError(
    "BAD_REQUEST",
    `the inputs have the type '${type}': send lines of JSON with Content-Type: ${linesType}, or frames with ${framesType}`,
  );
}

/** Resolves once the map is durable; if it rejects, nothing of it is left. */
async function take(
  deps: MapRoutes,
  caller: Caller,
  { version, query, reader }: Streamed,
  request: FastifyRequest,
): Promise<AnswerOf<"streamMap">> {
  const packing = new Packing(reader, deps.admission.maxArrayTasks);
  const content = packing.pack(arriving(request));
  return deps.blobs.writeRecorded(caller.uid, content, async (written) => {
    const submission = asked(version, caller, query, packing.count);
    const large = await ownLarge(deps, caller, packing.large);
    const packed = { ...written, large };
    return accept(deps, caller, { requestId: query.requestId, submission, packed });
  });
}

/** With their sizes; rejects with NOT_FOUND if one is not the caller's. */
async function ownLarge(
  { store }: Pick<MapRoutes, "store">,
  { uid }: Caller,
  large: Packing["large"],
): Promise<{ readonly task: number; readonly payload: StoredPayload }[]> {
  const payloads = await ownInputs(
    store,
    uid,
    large.map(({ payload }) => payload),
  );
  return payloads.filter(isStored).map((payload, at) => ({ task: large[at]!.task, payload }));
}
