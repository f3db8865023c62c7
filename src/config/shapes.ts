// The shapes of values that several sections of the configuration share. A title is the
// shape's name in the reference.

import { z } from "zod";

export const milliseconds = z.int().min(0).max(2_147_483_647).meta({ title: "milliseconds" });
export const megabytes = z.int().min(0).meta({ title: "MB" });
export const path = z
  .string()
  .regex(/^\//, "must be an absolute path")
  .meta({ title: "absolute path" });
export const name = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, "must be letters, digits, . _ -")
  .meta({ title: "name" });
export const port = z.int().min(1).max(65_535).meta({ title: "port" });
