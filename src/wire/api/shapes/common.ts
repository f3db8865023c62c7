// Shapes that several subjects share: ids, users, nodes, times; and a check that a shape matches
// the model's type.

import { z } from "zod";
import type { ExecutorId, InvocationId, NodeName } from "../../../model/ids.js";
import { type InvocationState, invocationTransitions } from "../../../model/invocation.js";
import type { Frozen } from "../../../model/shaped.js";
import { userShape } from "../../../model/user.js";
import { maxHostListLength } from "../limits.js";

type Same<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false;

/** The shape of a type of the model: it compiles only if it yields exactly that type. */
export const shapeOf =
  <Noun>() =>
  <Shape extends z.ZodType>(
    shape: Same<Frozen<z.output<Shape>>, Frozen<Noun>> extends true
      ? Shape
      : { readonly differsFrom: Noun },
  ): z.ZodType<Noun, Noun> =>
    shape as unknown as z.ZodType<Noun, Noun>;

export const idText = z.string().regex(/^\d{1,10}(_\d{1,10})?$/, "must be like 42 or 42_7");
export const userName = z.string().regex(userShape, "must be a user's name or uid");
/** In a query: milliseconds since 1970. */
export const askedTime = z.coerce.number<number>().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Node names, a host list such as n[1-4], or `all`; expanded later, under a limit. */
export const nodeText = z
  .string()
  .max(maxHostListLength)
  .regex(/^[A-Za-z0-9._,[\]-]+$/, "must be a node or a host list");

export const invocationState = z.enum(Object.keys(invocationTransitions) as InvocationState[]);

/** Milliseconds since 1970. */
export const time = z.int();
/** Milliseconds. */
export const duration = z.number();
export const whole = z.int().min(0);
/** Sums of products of integers, which may exceed 2^53. */
export const amount = z.number();
/** From 0 to 1. */
export const share = z.number().min(0).max(1);

export const nodeName = z.string() as unknown as z.ZodType<NodeName, NodeName>;
export const executorId = z.string() as unknown as z.ZodType<ExecutorId, ExecutorId>;
export const invocationId = z.int().min(1) as unknown as z.ZodType<InvocationId, InvocationId>;
