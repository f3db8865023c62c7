// The routes for leases: workers that serve a client directly for a time.

import type { Route } from "./route.js";
import * as leases from "./shapes/leases.js";

export const leaseRoutes = {
  requestLease: {
    method: "POST",
    path: "/v1/leases",
    subject: "functions",
    who: "user",
    does: "lease workers of a function",
    description:
      "The answer comes once atLeast workers serve. If they do not within waitMs, the lease ends and the answer is LEASE_NOT_GRANTED, as it is, with the reason, if the lease ends before. The lease is an array of invocations: its id is the array's.",
    body: leases.leaseRequest,
    answer: leases.lease,
    errors: ["NOT_ALLOWED", "NOT_FOUND", "LEASE_NOT_GRANTED"],
  },
  listLeases: {
    method: "GET",
    path: "/v1/leases",
    subject: "functions",
    who: "user",
    does: "list leases",
    description:
      "A user sees their own leases; an operator sees everybody's. Ended ones and keys are omitted.",
    answer: leases.leaseList,
  },
  lease: {
    method: "GET",
    path: "/v1/leases/:id",
    subject: "functions",
    who: "user",
    does: "get a lease with its workers",
    description:
      "With revision and waitMs the answer comes once the lease has changed, or at that time without a change. A lease that has ended can be asked for until its records are removed.",
    params: leases.leaseParameter,
    query: leases.leaseQuery,
    answer: leases.lease,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  renewLease: {
    method: "POST",
    path: "/v1/leases/:id/renew",
    subject: "functions",
    who: "user",
    does: "renew a lease",
    description: "The lease ends ttlMs after this request unless it is renewed again.",
    params: leases.leaseParameter,
    body: leases.renewRequest,
    answer: leases.renewAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  endLease: {
    method: "POST",
    path: "/v1/leases/:id/end",
    subject: "functions",
    who: "user",
    does: "end a lease",
    description: "Its workers finish the calls that they run and leave.",
    params: leases.leaseParameter,
    body: leases.endRequest,
    answer: leases.endAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
} as const satisfies Readonly<Record<string, Route>>;
