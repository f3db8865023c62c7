// The routes for those who look for an error in a function or a call.

import type { Route } from "./route.js";
import * as calls from "./shapes/calls.js";
import * as functions from "./shapes/functions.js";
import { idParameter } from "./shapes/invocations.js";

export const debugRoutes = {
  bundle: {
    method: "GET",
    path: "/v1/functions/:owner/:name/versions/:version/bundle",
    subject: "functions",
    who: "user",
    does: "get the code of a version",
    description:
      "The bundle as it was deployed, for everybody who may call the function. The owner - stands for the caller.",
    params: functions.versionParameter,
    answer: functions.bundleAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  input: {
    method: "GET",
    path: "/v1/invocations/:id/input",
    subject: "functions",
    who: "user",
    does: "get the input of a call",
    description: "It is kept as long as the call's answer.",
    params: idParameter,
    answer: calls.payload,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
} as const satisfies Readonly<Record<string, Route>>;
