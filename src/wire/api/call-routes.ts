// The routes for calls of functions.

import { framesType, linesType } from "./input-frames.js";
import { maxRequestBytes } from "./limits.js";
import type { Route } from "./route.js";
import * as calls from "./shapes/calls.js";
import { functionParameter } from "./shapes/functions.js";
import { idParameter } from "./shapes/invocations.js";

export const callRoutes = {
  call: {
    method: "POST",
    path: "/v1/calls",
    subject: "functions",
    who: "user",
    does: "call a function",
    description:
      "Without waitMs the answer comes once the call is durable. With waitMs it comes once a worker has answered, or at that time without one: wait for the invocation then. A fresh call is recorded with its end, or when the wait is over. If the connection breaks meanwhile, send the request again, with the same requestId and without fresh: what is on record does not run again.",
    body: calls.callRequest,
    maxBytes: maxRequestBytes,
    answer: calls.calledAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  map: {
    method: "POST",
    path: "/v1/maps",
    subject: "functions",
    who: "user",
    does: "call a function with many inputs",
    description: "An array of calls: the tasks are numbered from 0, as the inputs are.",
    body: calls.mapRequest,
    maxBytes: maxRequestBytes,
    answer: calls.mapAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  streamMap: {
    method: "POST",
    path: "/v1/maps/stream",
    subject: "functions",
    who: "user",
    does: "call a function with any number of inputs",
    description:
      "The body is read while it arrives: lines of JSON, each an input that is kept as it came; or frames, each with a kind (0: the input itself, 1: the SHA-256 of a content of the caller's, in hexadecimal digits), the length of the content type in one byte, the length of the body in four bytes with the highest first, the content type and the body, of at most 64 KiB. The map is durable once the answer comes; before that nothing of it is visible, and a request that breaks off leaves nothing.",
    query: calls.streamMapQuery,
    streamed: true,
    contentTypes: [linesType, framesType],
    answer: calls.mapAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  answer: {
    method: "GET",
    path: "/v1/invocations/:id/answer",
    subject: "functions",
    who: "user",
    does: "get the answer of a call",
    params: idParameter,
    answer: calls.answerOfCall,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  answers: {
    method: "GET",
    path: "/v1/invocations/:id/answers",
    subject: "functions",
    who: "user",
    does: "list the answers of a map",
    description: "Tasks without an answer, because they run or were cancelled, are omitted.",
    params: idParameter,
    query: calls.answersQuery,
    answer: calls.answerList,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  outcomes: {
    method: "GET",
    path: "/v1/invocations/:id/outcomes",
    subject: "functions",
    who: "user",
    does: "get how the tasks of a map ended",
    description:
      "Tasks that have not ended are omitted. If many have, an answer lists the first of them: ask again for the rest.",
    params: idParameter,
    query: calls.outcomesQuery,
    answer: calls.outcomeList,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  results: {
    method: "GET",
    path: "/v1/maps/:id/results",
    subject: "functions",
    who: "user",
    does: "get the results of a map, page by page",
    description:
      "In the order of the inputs, a page ends before the first task that has not ended. The cursor of a page is the number of results before it: ask again with next, also after a lost connection, until isComplete.",
    params: idParameter,
    query: calls.resultsQuery,
    answer: calls.resultList,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  input: {
    method: "GET",
    path: "/v1/invocations/:id/input",
    subject: "functions",
    who: "user",
    does: "get the input of a call",
    params: idParameter,
    answer: calls.payload,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  functionLog: {
    method: "GET",
    path: "/v1/functions/:owner/:name/log",
    subject: "functions",
    who: "user",
    does: "get what the caller's calls of a function printed",
    description:
      "Calls that have ended, in that order; the owner - stands for the caller. Ask again with after for the next ones; with waitMs the answer comes once there is one.",
    params: functionParameter,
    query: calls.functionLogQuery,
    answer: calls.functionLog,
    errors: ["NOT_FOUND"],
  },
  callLog: {
    method: "GET",
    path: "/v1/invocations/:id/log",
    subject: "functions",
    who: "user",
    does: "get what a call printed",
    params: idParameter,
    query: calls.callLogQuery,
    answer: calls.callLog,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
} as const satisfies Readonly<Record<string, Route>>;
