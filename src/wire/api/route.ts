// A declared route of the HTTP API, and the errors that it may answer.

import type { z } from "zod";
import type { ErrorCode } from "../../model/errors.js";

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `:name` is a parameter. */
  readonly path: `/v1/${string}`;
  readonly subject: "invocations" | "functions" | "cluster" | "reports" | "identity";
  /** As in "may not drain nodes". */
  readonly does: string;
  /** Further description, in sentences. */
  readonly description?: string;
  /** Everybody, users with a token, or only operators. */
  readonly who: "anybody" | "user" | "operator";
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** The body is any bytes, which the handler reads as they arrive. */
  readonly streamed?: true;
  /** The types of a streamed body, which may have any length; if omitted, its size is announced. */
  readonly contentTypes?: readonly string[];
  /** The limit on the body; maxSmallRequestBytes if omitted. */
  readonly maxBytes?: number;
  readonly answer: z.ZodType;
  /** In addition to those of every route (see errorsOf). */
  readonly errors?: readonly ErrorCode[];
}

/** All errors of a route: those that it declares, and those of any request. */
export function errorsOf({ who, errors = [] }: Route): readonly ErrorCode[] {
  const general: ErrorCode[] = ["BAD_REQUEST", "LIMIT_REACHED", "STORE"];
  if (who !== "anybody") general.push("NOT_IDENTIFIED");
  if (who === "operator") general.push("NOT_ALLOWED");
  return [...new Set([...general, ...errors])];
}
