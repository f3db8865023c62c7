// Deliberate faults, each of which breaks one promise in one place: the simulation must find every
// one of them.

import type { Snapshot } from "../../src/model/slurm/snapshot.js";
import type { Often } from "./mix.js";
import type { Sabotage } from "./site/world.js";

export interface Planted {
  readonly what: string;
  readonly sabotage: Sabotage;
  /** The complaint by which it is found. */
  readonly shows: RegExp;
  /** What happens more often than usual, because the fault is rare otherwise. */
  readonly often?: Often;
}

const changeNodes = (
  snapshot: Snapshot,
  change: (node: Snapshot["nodes"][number]) => Partial<Snapshot["nodes"][number]>,
): Snapshot => ({
  ...snapshot,
  nodes: snapshot.nodes.map((node) => ({ ...node, ...change(node) })),
});

/** What the daemon takes the cluster to be. */
const seeing = (view: (snapshot: Snapshot) => Snapshot): Sabotage => ({
  cluster: (cluster) => ({
    ...cluster,
    readSnapshot: async () => view(await cluster.readSnapshot()),
  }),
});

/** Jobs that came after a view was asked for are taken to be in it. */
const forgetsNewJobs: Sabotage = {
  toExecutor: (message) => [
    message.type === "budget" ? { ...message, seenHookSequence: 1_000_000 } : message,
  ],
};

/** A read that fails passes for the one before it. */
const takesOldForNew: Sabotage = {
  cluster: (cluster) => {
    let last: Snapshot | null = null;
    const readSnapshot = async () => {
      try {
        last = await cluster.readSnapshot();
      } catch (failed) {
        if (last === null) throw failed;
      }
      return last;
    };
    return { ...cluster, readSnapshot };
  },
};

export const planted: readonly Planted[] = [
  {
    what: "the budget is not made smaller for a job that just came",
    shows: /^harm/,
    sabotage: forgetsNewJobs,
  },
  {
    what: "a failed read of Slurm passes for the last good one",
    shows: /^harm/,
    sabotage: takesOldForNew,
    often: { changeWeather: 40, submitJob: 40 },
  },
  {
    what: "one core too many is taken for idle",
    shows: /^harm/,
    sabotage: seeing((snapshot) =>
      changeNodes(snapshot, (node) => ({ allocatedCores: Math.max(0, node.allocatedCores - 1) })),
    ),
  },
  {
    what: "the memory of jobs is taken for idle",
    shows: /^harm.*MB/,
    sabotage: seeing((snapshot) => changeNodes(snapshot, () => ({ allocatedMemoryMb: 0 }))),
  },
  {
    what: "the hook is answered before anything is free",
    shows: /^harm/,
    sabotage: { answersAtOnce: true },
  },
  {
    what: "an executor does not look for jobs from before it",
    shows: /^harm/,
    sabotage: { passesOverMarks: true },
  },
  {
    what: "a result is lost without a trace now and then",
    shows: /is lost: running/,
    sabotage: {
      toDaemon: (message, { chance }) =>
        message.type === "ended" && chance.happens(0.01) ? [] : [message],
    },
  },
  {
    what: "drain and stop are not heard",
    shows: /executor is left/,
    sabotage: {
      toExecutor: (message) =>
        message.type === "drain" || message.type === "stop" ? [] : [message],
    },
  },
  {
    what: "a changed time limit ends what has time left",
    shows: /is recorded as TIMEOUT after/,
    often: { changeLimit: 40 },
    sabotage: {
      toExecutor: (message) => [
        message.type === "limit" ? { ...message, timeLimitMs: 1 } : message,
      ],
    },
  },
  {
    what: "a restarted daemon forgets the newest invocation",
    shows: /is lost: (waiting|running)/,
    sabotage: {
      store: (store) => ({
        ...store,
        loadLive: async (...page) => (await store.loadLive(...page)).slice(0, -1),
      }),
    },
  },
  {
    what: "an order is sent before its intent is durable",
    shows: /before its intent/,
    sabotage: {
      store: (store) => ({
        ...store,
        beginAttempt: async (attempt) => void store.beginAttempt(attempt).catch(() => {}),
        beginTasks: async (...begun) => void store.beginTasks(...begun).catch(() => {}),
      }),
    },
  },
  {
    what: "a result is acknowledged before it is durable",
    shows: /before it is durable/,
    sabotage: {
      store: (store) => ({
        ...store,
        endAttempt: async (result) => {
          store.endAttempt(result).catch(() => {});
          return true;
        },
      }),
    },
  },
  {
    what: "usage is posted twice over",
    shows: /ledger does not balance/,
    sabotage: {
      store: (store) => ({
        ...store,
        endAttempt: ({ postings, ...result }) =>
          store.endAttempt({
            ...result,
            postings: postings.map((posting) => ({ ...posting, coreMs: 2 * posting.coreMs })),
          }),
      }),
    },
  },
  {
    what: "an eviction is a failure",
    shows: /because it was evicted/,
    sabotage: {
      store: (store) => ({
        ...store,
        endAttempt: (result) =>
          store.endAttempt(result.end === "EVICTED" ? { ...result, next: "FAILED" } : result),
      }),
    },
  },
  {
    what: "the same request sent twice is two submissions",
    shows: /acknowledged before|twice/,
    sabotage: {
      store: (store, { chance }) => ({
        ...store,
        submit: (request) =>
          store.submit({ ...request, requestId: `${request.requestId}-${chance.share()}` }),
      }),
    },
  },
];
