// The limits of the worker protocol: docs/reference/worker-protocol.md names each.

/** The versions that this build speaks. */
export const protocolVersions = { lowest: 1, highest: 1 } as const;

/** The input or the output of one call. */
export { maxPayloadBytes } from "../../model/call.js";
/** What a call or its result says beside its bytes: a content type and a name. */
export const maxMetadataBytes = 1_024;
/** A message of fields: hello, load, an error with its stack. */
export const maxFieldsBytes = 64 * 1024;
/** One piece of what a handler prints. */
export const maxLogPieceBytes = 64 * 1024;
/** The most that a worker sends of what one call prints, if `load` names no other limit. */
export const defaultLogLimitBytes = 1024 * 1024;

export const maxContentTypeBytes = 255;
export const maxCallNameBytes = 255;
/** The texts of an error are cut at these. */
export const maxMessageBytes = 8 * 1024;
export const maxStackBytes = 32 * 1024;
