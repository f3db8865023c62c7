// The HTTP status of each error code.

import type { ErrorCode } from "../../model/errors.js";

const statuses: Readonly<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  NOT_IDENTIFIED: 401,
  NOT_ALLOWED: 403,
  NOT_FOUND: 404,
  LIMIT_REACHED: 429,
  LEASE_NOT_GRANTED: 503,
  CONFIG: 500,
  SLURM: 502,
  LAUNCH: 502,
  PROTOCOL: 400,
  STORE: 500,
  UNREACHABLE: 503,
};

export const errorCodes = Object.keys(statuses) as ErrorCode[];

export const statusOf = (code: ErrorCode): number => statuses[code];
