// Branded ids: the type checker distinguishes a node's name from a user's.

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

export type NodeName = Branded<string, "NodeName">;
export type JobId = Branded<number, "JobId">;
export type ExecutorId = Branded<string, "ExecutorId">;
/**
 * A small integer; each task of an array has its own, besides the array's id and its task number.
 */
export type InvocationId = Branded<number, "InvocationId">;

/** A version of a function: the SHA-256 of its bundle, in 64 hexadecimal digits. */
export type VersionId = Branded<string, "VersionId">;

/** A content that gleanerd keeps: its SHA-256 in 64 hexadecimal digits. */
export type BlobHash = Branded<string, "BlobHash">;
/** A version as the store numbers it, over all functions. */
export type VersionKey = Branded<number, "VersionKey">;

export const nodeName = (text: string): NodeName => text as NodeName;
export const jobId = (value: number): JobId => value as JobId;
export const executorId = (text: string): ExecutorId => text as ExecutorId;
export const invocationId = (value: number): InvocationId => value as InvocationId;
export const versionId = (hash: string): VersionId => hash as VersionId;
export const blobHash = (hash: string): BlobHash => hash as BlobHash;
/** A version's bundle is kept under the version's own hash. */
export const bundleOf = (version: VersionId): BlobHash => blobHash(version);
