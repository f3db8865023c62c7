// The types of what shapes let through, which nobody may change.

import type { z } from "zod";

/** The same with every field and list read-only. */
export type Frozen<T> = T extends string | number | boolean | null | undefined
  ? T
  : { readonly [Key in keyof T]: Frozen<T[Key]> };

export type Shaped<Shape extends z.ZodType> = Frozen<z.output<Shape>>;

/** What somebody writes who may leave out what has a default. */
export type ShapedInput<Shape extends z.ZodType> = Frozen<z.input<Shape>>;
