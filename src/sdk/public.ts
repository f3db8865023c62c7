// What the package `gleaner` exports: calls of functions, and the errors that they end with.

export { type ErrorCode, GleanerError } from "../model/errors.js";
export { CallError, type CallErrorCode, FunctionError, NotLoadedError } from "./calls/errors.js";
export type { MapOptions, MapResult } from "./calls/map.js";
export { Content, type Inputs } from "./calls/payloads.js";
export type { SubmittedMap } from "./calls/submit-map.js";
export {
  Connection,
  type ConnectOptions,
  connect,
  type InvokeOptions,
  type SubmitOptions,
} from "./connection.js";
export type { Lease, LeasedWorker, LeaseRetry } from "./leases/lease.js";
export type { LeaseInvokeOptions, LeaseMapOptions, LeaseOptions } from "./leases/options.js";
