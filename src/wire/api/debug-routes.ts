// The routes for those who look for an error in a function.

import type { Route } from "./route.js";
import * as functions from "./shapes/functions.js";

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
    answer: functions.contentAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
} as const satisfies Readonly<Record<string, Route>>;
