// Deliberate faults in what happens to functions and their calls: the simulation must find every
// one of them.

import type { CallAnswer } from "../../src/model/call.js";
import { type InvocationId, invocationId } from "../../src/model/ids.js";
import type { AttemptReport } from "../../src/wire/messages.js";
import type { Planted } from "./planted.js";
import type { Sabotage } from "./site/world.js";

/** What executors report of attempts, changed. */
const reporting = (change: (report: AttemptReport) => AttemptReport): Sabotage => ({
  toDaemon: (message) => [
    message.type === "ended" ? { ...message, report: change(message.report) } : message,
  ],
});

/** As the simulated site keeps what is unused. */
const keptMs = 180_000;

const littleElse = { submit: 0, lease: 0, call: 0 };
const calm = { killDaemon: 1, freezeDaemon: 0, breakConnection: 1, hurtExecutor: 1, operate: 0 };

const exception: CallAnswer = {
  kind: "exception",
  error: { type: "ProcessExited", message: "it was killed", stack: null },
};

function answersOfOthers(): Sabotage {
  let before: CallAnswer | undefined;
  return reporting((report) => {
    const { answer } = report;
    if (answer?.kind !== "result") return report;
    const other = before ?? answer;
    before = answer;
    return { ...report, answer: other };
  });
}

export const plantedInCalls: readonly Planted[] = [
  {
    what: "a call gets the input of the call before it",
    shows: /ran with another input/,
    sabotage: {
      store: (store) => ({
        ...store,
        inputToRun: async (id: InvocationId) =>
          (await store.inputToRun(invocationId(Math.max(1, id - 1)))) ?? store.inputToRun(id),
      }),
    },
  },
  {
    what: "a call gets the answer of another call",
    shows: /the result of another call/,
    sabotage: answersOfOthers(),
  },
  {
    what: "an eviction is told as an exception of the code",
    shows: /an error of theirs|no worker gave|is recorded as FAILED/,
    sabotage: reporting((report) =>
      report.end === "EVICTED" && report.phases !== undefined && report.wallMs > 0
        ? { ...report, end: "FAILED", exitCode: 1, answer: exception }
        : report,
    ),
  },
  {
    what: "a call that shared its worker pays for all of its time",
    shows: /its part of its worker was/,
    sabotage: reporting((report) =>
      report.shareMs === undefined ? report : { ...report, shareMs: report.wallMs },
    ),
  },
  {
    what: "an alias does not move",
    shows: /calls version|found no/,
    sabotage: { store: (store) => ({ ...store, setAlias: async () => {} }) },
  },
  {
    what: "everybody may call every function",
    shows: /calls version/,
    sabotage: {
      store: (store) => ({
        ...store,
        loadFunction: async (...of) => {
          const found = await store.loadFunction(...of);
          return found && { ...found, sharing: "all" };
        },
      }),
    },
  },
  {
    what: "a result is not kept",
    shows: /ended COMPLETED with no answer/,
    sabotage: {
      store: (store) => ({
        ...store,
        endAttempt: (result) => store.endAttempt({ ...result, answer: null }),
      }),
    },
  },
  {
    what: "a removed version goes although calls need it",
    shows: /needs code that is removed/,
    often: { changeFunction: 20, tidyUp: 20, submit: 2, lease: 2, submitJob: 40 },
    sabotage: {
      store: (store) => ({
        ...store,
        pruneFunctions: (beforeMs, _inUse, limit) =>
          store.pruneFunctions(beforeMs + keptMs, [], limit),
      }),
    },
  },
  {
    what: "a content goes with the first of the users who have it",
    shows: /is removed, and somebody has it/,
    often: { deploy: 20, changeFunction: 20, tidyUp: 20 },
    sabotage: {
      store: (store) => ({
        ...store,
        forgetBlob: async (...of) => ({ ...(await store.forgetBlob(...of)), isLast: true }),
      }),
    },
  },
  {
    what: "a file that a dead daemon left stays",
    shows: /the file .* is nobody's/,
    often: { deploy: 30, map: 30, changeWeather: 30, killDaemon: 20, ...littleElse, submitJob: 2 },
    sabotage: { store: (store) => ({ ...store, knownBlobs: async (hashes) => hashes }) },
  },
  {
    what: "an idle worker goes on running",
    shows: /^harm: functions have .* cores/,
    sabotage: { neverFreezes: true },
  },
  {
    what: "workers that were started ahead stay for a job",
    shows: /^harm: a worker started ahead is left/,
    // gleanerd and executors must live for long enough to start one.
    often: { deploy: 60, submitJob: 30, ...littleElse, call: 10, map: 0, ...calm },
    sabotage: {
      workers: (workers) => {
        const yieldTo = workers.yieldTo.bind(workers);
        workers.yieldTo = (free) => {
          Object.defineProperty(workers, "ahead", { get: () => [], configurable: true });
          const gone = yieldTo(free);
          Reflect.deleteProperty(workers, "ahead");
          return gone;
        };
      },
    },
  },
  {
    what: "workers that are to stay warm end after their idle time",
    shows: /idle ones, and \d+ are to stay/,
    sabotage: {
      workers: (workers) => {
        workers.keepWarm = () => {};
      },
    },
  },
  {
    what: "a call is sent to a worker that stays frozen",
    shows: /stays frozen/,
    sabotage: { neverThaws: true },
  },
];
