// Branded ids: the type checker distinguishes a node's name from a user's.

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

export type NodeName = Branded<string, "NodeName">;
export type JobId = Branded<number, "JobId">;
export type ExecutorId = Branded<string, "ExecutorId">;
/**
 * An integer above every job id of Slurm; each task of an array has its own, besides the array's id
 * and its task number.
 */
export type InvocationId = Branded<number, "InvocationId">;

/** A version of a function: the SHA-256 of its bundle, in 64 hexadecimal digits. */
export type VersionId = Branded<string, "VersionId">;

/** A content that gleanerd keeps: its SHA-256 in 64 hexadecimal digits. */
export type BlobHash = Branded<string, "BlobHash">;
/** A version as the store numbers it, over all functions. */
export type VersionKey = Branded<number, "VersionKey">;

/**
 * Slurm's highest job id. Ids of invocations begin above it (0006_ids.sql), but databases of 0.2.0
 * and before have smaller ones.
 */
export const maxSlurmJobId = 67_108_863;
/** Slurm's commands keep 32 bits of an id; the last two values mean something else to them. */
export const maxInvocationId = 4_294_967_293;

export const nodeName = (text: string): NodeName => text as NodeName;
export const jobId = (value: number): JobId => value as JobId;
export const executorId = (text: string): ExecutorId => text as ExecutorId;
export const invocationId = (value: number): InvocationId => value as InvocationId;
export const versionId = (hash: string): VersionId => hash as VersionId;
export const blobHash = (hash: string): BlobHash => hash as BlobHash;
/** A version's bundle is kept under the version's own hash. */
export const bundleOf = (version: VersionId): BlobHash => blobHash(version);

/** Whether `42` means a whole array. Each task has an id of its own, too, as in SLURM_JOB_ID. */
export const namesArray = (
  id: string,
  { arrayJobId }: { readonly arrayJobId: InvocationId | null },
): boolean => Number(id) === arrayJobId;
