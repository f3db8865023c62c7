// The types of values that shapes accept, made read-only.

import type { z } from "zod";

/** The same type with every field and list read-only. */
export type Frozen<T> = T extends string | number | boolean | null | undefined
  ? T
  : { readonly [Key in keyof T]: Frozen<T[Key]> };

export type Shaped<Shape extends z.ZodType> = Frozen<z.output<Shape>>;

/** The input of a shape, in which fields with a default may be omitted. */
export type ShapedInput<Shape extends z.ZodType> = Frozen<z.input<Shape>>;
