// The public interface: the client and the types of the API.

export { maxPayloadBytes } from "../model/call.js";
export * from "../wire/api/limits.js";
export {
  answerText,
  type CallAnswerText,
  type PayloadText,
  payloadOf,
  textOf,
} from "../wire/api/payloads.js";
export type * from "../wire/api/types.js";
export { type Contents, contentIn, sendable } from "./calls/contents.js";
export { resultOf } from "./calls/errors.js";
export { type MapEnd, mapEnds } from "./calls/map.js";
export { encode } from "./calls/payloads.js";
export { GleanerClient, type Period } from "./client.js";
export { type MungeOptions, makeCredential } from "./credential.js";
export type { FunctionsClient } from "./functions/client.js";
export { BrokenOffError } from "./http/answer.js";
export type { Address } from "./http/request.js";
export { holdLease } from "./leases/hold.js";
export { keepLease } from "./leases/keeper.js";
export { privateDirectory, privateName, readPrivate, writePrivate } from "./private-files.js";
export * from "./public.js";
export { randomUuid } from "./random.js";
export { patiently } from "./repeat.js";
export { type ClientSettings, configFileOf, readSettings } from "./settings.js";
export type { TokenOptions } from "./tokens.js";
export { requireTrusted } from "./trusted-path.js";
