// The section leases: what one user may hold of workers that serve its programs directly.

import { z } from "zod";
import { milliseconds } from "./shapes.js";

export const leases = z
  .strictObject({
    maxPerUser: z
      .int()
      .min(1)
      .max(10_000)
      .default(16)
      .describe("The number of leases that one user may have at a time."),
    maxWorkersPerUser: z
      .int()
      .min(1)
      .max(65_536)
      .default(256)
      .describe("The number of workers that the leases of one user may ask for together."),
    defaultTtlMs: milliseconds
      .min(1_000)
      .default(10_000)
      .describe(
        "A lease ends this long after its last renewal, unless it asks for another time: a client that dies stops paying within it.",
      ),
    maxTtlMs: milliseconds
      .min(1_000)
      .max(86_400_000)
      .default(60_000)
      .describe("The longest such time that a lease may ask for."),
    idleMs: milliseconds
      .max(86_400_000)
      .default(5_000)
      .describe(
        "A worker that has had no client for this time ends its part of a lease, unless the lease asks for another time.",
      ),
    ports: z
      .string()
      .regex(/^(0|[1-9]\d{3,4}-[1-9]\d{3,4})$/, "expected 0, or a range such as 50000-50999")
      .default("0")
      .describe(
        "The TCP ports on which workers of leases listen on their nodes, for sites with a firewall there: `50000-50999`. `0`: any free port, at which a native worker also listens while it waits for its next lease.",
      ),
    ofiProvider: z
      .string()
      .regex(
        /^[A-Za-z0-9_;-]{1,63}$/,
        "expected a provider of libfabric, such as tcp, verbs or cxi",
      )
      .nullable()
      .default(null)
      .describe(
        "The provider of libfabric over which programs with the C library reach native workers on other nodes, as `fi_info` names it: `verbs`, `cxi`, `efa`, `opx`, `psm3` or `tcp`. `glean lease --bench` measures it. `null`: TCP alone.",
      ),
  })
  .describe("Leases: workers that serve a user's programs directly, for a time.");
