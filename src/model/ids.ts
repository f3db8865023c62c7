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

export const nodeName = (text: string): NodeName => text as NodeName;
export const jobId = (value: number): JobId => value as JobId;
export const executorId = (text: string): ExecutorId => text as ExecutorId;
export const invocationId = (value: number): InvocationId => value as InvocationId;
export const versionId = (hash: string): VersionId => hash as VersionId;
