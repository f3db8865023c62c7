// The public interface: the client and the types of the API.

export { GleanerError } from "../model/errors.js";
export * from "../wire/api/limits.js";
export type * from "../wire/api/types.js";
export { BrokenOffError } from "./answer.js";
export type { Inputs } from "./calls/chunks.js";
export {
  Connection,
  type ConnectOptions,
  connect,
  type InvokeOptions,
  type SubmitOptions,
} from "./calls/connection.js";
export { CallError, type CallErrorCode, FunctionError, NotLoadedError } from "./calls/errors.js";
export type { MapOptions, MapResult } from "./calls/map.js";
export { Content } from "./calls/payloads.js";
export { GleanerClient, type Period } from "./client.js";
export { type MungeOptions, makeCredential } from "./credential.js";
export type { FunctionsClient } from "./functions/client.js";
export type { Address } from "./http.js";
export { privateDirectory, privateName, readPrivate, writePrivate } from "./private-files.js";
export { randomUuid } from "./random.js";
export { patiently } from "./repeat.js";
export { type ClientSettings, configFileOf, readSettings } from "./settings.js";
export type { TokenOptions } from "./tokens.js";
export { requireTrusted } from "./trusted-path.js";
