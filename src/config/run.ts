// The section run: how nodes reach the clients of `glean run` and `glean shell`.

import { z } from "zod";
import { port } from "./shapes.js";

export const run = z
  .strictObject({
    ports: z
      .array(port)
      .min(2)
      .max(2)
      .refine(([from, to]) => from! <= to!, "the first port is above the last one")
      .nullable()
      .default(null)
      .describe(
        "The ports on which `glean run` and `glean shell` wait for the node of their command, as in `[60001, 63000]`: a firewall must let nodes connect to them, one for each run at a time. The same as SrunPortRange in slurm.conf. `null`: any free one.",
      ),
  })
  .describe("Commands whose output comes to the terminal.");
