// The HTTP API between clients (CLI, SDK) and gleanerd: paths, bodies, answers. All JSON.
//
//   GET  /v1/challenge                               -> ChallengeAnswer  (without a token)
//   POST /v1/token                 TokenRequest      -> TokenAnswer      (without a token)
//   POST /v1/invocations           SubmitRequest     -> SubmitAnswer
//   GET  /v1/invocations?…         InvocationQuery   -> InvocationList
//   GET  /v1/invocations/:id                         -> InvocationDetail (id: `42` or `42_7`)
//   GET  /v1/invocations/:id/wait?timeoutMs=         -> InvocationList   (all of id once they are final; at the time-out one that is not)
//   POST /v1/cancel                CancelRequest     -> CancelAnswer
//   GET  /v1/info                                    -> InfoAnswer
//   GET  /v1/explain/:what                           -> ExplainAnswer    (an invocation's id, or a node)
//   GET  /v1/holes?node=                             -> HolesAnswer      (idle cores that run nothing, and why)
//   GET  /v1/utilization?fromMs=&toMs=               -> Utilization
//   GET  /v1/prediction                              -> PredictionReport
//   GET  /v1/bill?user=&fromMs=&toMs=                -> BillAnswer
//   GET  /v1/bill/verify                             -> LedgerCheck      (operators)
//   GET  /v1/audit?user=&action=&fromMs=&toMs=&limit= -> AuditAnswer     (operators; the newest first)
//   POST /v1/token/revoke          RevokeRequest     -> RevokeAnswer     (one's own; operators: anybody's)
//   POST /v1/drain, /v1/resume     DrainRequest      -> DrainAnswer      (operators)
//   GET  /v1/doctor                                  -> DoctorAnswer     (operators)
//
// Every other request carries `Authorization: Bearer TOKEN`. An error answers with a status of statusOf() and ErrorAnswer.

import type { ExecutorState, Placement } from "../model/capacity/executor.js";
import type { Hole, UnusableNode } from "../model/capacity/hole.js";
import type { UnkillableReport } from "../model/capacity/unkillable.js";
import type { ErrorCode } from "../model/errors.js";
import type {
  Attempt,
  Invocation,
  InvocationState,
  Notice,
  Submission,
} from "../model/invocation.js";
import type { BillLine } from "../model/records/account.js";
import type { AuditAction, AuditEvent } from "../model/records/audit.js";
import type { UnusedCores } from "../model/records/idle.js";
import type { Resources } from "../model/resources.js";

/** A script of 4 MiB and its environment. */
export const maxRequestBytes = 6 * 1024 * 1024;
/** A munge credential of ours is 200 characters. */
export const maxTokenRequestBytes = 8 * 1024;
/** As many ids as may be named, and a filter. */
export const maxCancelBytes = 64 * 1024;
/** Requests without a script or ids. */
export const maxSmallRequestBytes = 128 * 1024;
/** As sbatch: larger scripts are data in the wrong place. */
export const maxScriptBytes = 4 * 1024 * 1024;
/** Linux refuses more than 2 MiB of arguments and environment together; half of it leaves room. */
export const maxEnvironmentBytes = 1024 * 1024;
/** One answer lists at most this many invocations. */
export const maxListed = 20_000;
/** One request names at most this many invocations by their ids; a whole array is one id. */
export const maxNamedIds = 1_000;
/** As many ids at their longest (two numbers of ten digits), with the commas between them. */
export const maxIdsLength = 22 * maxNamedIds;
/** A request line with the longest list of ids, where a comma takes three bytes; the token and the rest are a few hundred. */
export const maxHeadBytes = 32 * 1024;
/** One request names at most this many nodes or host lists. */
export const maxNamedNodes = 1_000;
/** A word of a path: a host's name at its longest. */
export const maxWordLength = 255;
/** A host list of a large site is a few kB. */
export const maxHostListLength = 64 * 1024;
/** One answer holds at most this many events of the audit log. */
export const maxAuditListed = 10_000;
/** A wait is asked again after this long, so that no connection hangs for ever. */
export const maxWaitMs = 60_000;

const statuses: Readonly<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  NOT_IDENTIFIED: 401,
  NOT_ALLOWED: 403,
  NOT_FOUND: 404,
  LIMIT_REACHED: 429,
  CONFIG: 500,
  SLURM: 502,
  LAUNCH: 502,
  PROTOCOL: 400,
  STORE: 500,
  UNREACHABLE: 503,
};

export const statusOf = (code: ErrorCode): number => statuses[code];

export interface ErrorAnswer {
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/** What the credential has to name, beside the address that the client dialled: see credential.ts. */
export interface ChallengeAnswer {
  readonly instance: string;
  /** Good once, for a minute. */
  readonly nonce: string;
}
export interface TokenRequest {
  /** A munge credential whose payload is credentialPayload(). */
  readonly credential: string;
}
export interface TokenAnswer {
  readonly token: string;
  /** How long it lasts from now. */
  readonly validMs: number;
  readonly user: string;
  readonly operator: boolean;
}

/** `leadMs` null: the daemon's default. */
export type AskedNotice = Omit<Notice, "leadMs"> & { readonly leadMs: number | null };

export interface SubmitRequest {
  /** A UUID of the client's: a request sent again is recorded once. */
  readonly requestId: string;
  /** Where cores, memory or limit are null the site's defaults are taken. */
  readonly submission: Omit<Submission, "memoryMb" | "timeLimitMs" | "notice"> & {
    readonly memoryMb: number | null;
    readonly memoryPerCoreMb: number | null;
    readonly timeLimitMs: number | null;
    readonly notice?: AskedNotice | null | undefined;
  };
}
export interface SubmitAnswer {
  /** The invocation's id, or the array's. */
  readonly id: number;
  readonly tasks: number;
}

export interface InvocationQuery {
  /** A name or a uid. */
  readonly user?: string;
  /** Comma-separated `42,43_7`. */
  readonly ids?: string;
  /** Comma-separated states. */
  readonly states?: string;
  readonly sinceMs?: number;
  readonly limit?: number;
}
export interface InvocationList {
  readonly invocations: readonly Invocation[];
  /** More matched than `limit`. */
  readonly truncated: boolean;
}
export interface InvocationDetail {
  readonly invocation: Invocation;
  /** Without the environment: it may hold secrets that even the owner's screen should not show. */
  readonly submission: Omit<Submission, "environment">;
  readonly attempts: readonly Attempt[];
}

export interface CancelRequest {
  /** `42`, `42_7`; empty with `user` or `state`: all that match. */
  readonly ids: readonly string[];
  readonly user?: string;
  readonly state?: InvocationState;
  readonly name?: string;
}
export interface CancelAnswer {
  readonly cancelled: number;
  /** One sentence for each id that could not be cancelled. */
  readonly problems: readonly string[];
}

export interface ExecutorInfo {
  readonly id: string;
  readonly placement: Placement;
  readonly state: ExecutorState;
  readonly budget: Resources;
  readonly usedCores: number;
  readonly running: number;
  readonly sinceMs: number;
}
export interface NodeInfo {
  readonly node: string;
  readonly slurmState: string;
  readonly cores: number;
  readonly allocatedCores: number;
  readonly memoryMb: number;
  readonly allocatedMemoryMb: number;
  readonly hole: Hole | null;
  readonly unusable: UnusableNode | null;
  readonly executor: ExecutorInfo | null;
  readonly drainedBy: string | null;
  /** What hangs in the node's kernel and cannot be killed; null: nothing that is known. */
  readonly unkillable: NodeUnkillable | null;
}
export interface NodeUnkillable extends UnkillableReport {
  /** The same in sentences. */
  readonly lines: readonly string[];
}
export interface InfoAnswer {
  readonly clusterName: string;
  readonly version: string;
  readonly snapshotAgeMs: number | null;
  readonly stale: boolean;
  readonly slurmProblem: string | null;
  /** Slurm commands run in the last minute, and the remote procedure calls that slurmctld answered for them. */
  readonly commandsPerMinute: number;
  readonly rpcsPerMinute: number;
  readonly pending: number;
  readonly running: number;
  readonly nodes: readonly NodeInfo[];
}

export interface ExplainAnswer {
  readonly what: string;
  /** One sentence a line, the decisive one first. */
  readonly lines: readonly string[];
}

export interface HolesAnswer {
  /** Cores that no batch job holds, on the nodes asked for. */
  readonly idleCores: number;
  /** Those of them that run nothing. */
  readonly holes: readonly UnusedCores[];
}

export interface BillAnswer {
  readonly lines: readonly BillLine[];
  readonly total: Omit<BillLine, "uid" | "user" | "otherNames">;
}

export interface AuditQuery {
  readonly user?: string;
  readonly action?: AuditAction;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly limit?: number;
}
export interface AuditAnswer {
  readonly events: readonly AuditEvent[];
}

export interface RevokeRequest {
  /** A name or a uid; left out: the caller's own tokens. */
  readonly user?: string;
  readonly all?: boolean;
}
export interface RevokeAnswer {
  /** Whose tokens are void; null: everybody's. */
  readonly uid: number | null;
}

export interface DrainRequest {
  /** Node names, or `all`: the kill switch. */
  readonly nodes: readonly string[];
  /** Kill what runs instead of letting it finish (it goes back to the queue). */
  readonly now: boolean;
}
export interface DrainAnswer {
  readonly nodes: readonly string[];
  readonly problems: readonly string[];
}

export interface DoctorCheck {
  readonly name: string;
  readonly status: "ok" | "warning" | "failed";
  readonly detail: string;
}
export interface DoctorAnswer {
  readonly checks: readonly DoctorCheck[];
}
