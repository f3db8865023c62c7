// Small traces and a slow, plain model of the replay, to hold the fast one against.

import fc from "fast-check";
import { nodeName } from "../../src/model/ids.js";
import type { Costs } from "../../src/sim/costs.js";
import { Changes } from "../../src/sim/site/changes.js";
import { type Share, ShareList } from "../../src/sim/site/shares.js";
import type { Trace } from "../../src/sim/site/trace.js";
import type { Demand } from "../../src/sim/work/demand.js";

export interface SmallTrace {
  readonly cores: readonly number[];
  readonly shares: readonly Share[];
  readonly lengthMs: number;
}

export interface SmallCosts {
  readonly reactionMs: number;
  readonly startMs: number;
  readonly coldMs: number;
}

const lengthMs = 400;
const epochMs = 1_000_000;

/** Jobs that fit their nodes at every moment. */
export const anyTrace: fc.Arbitrary<SmallTrace> = fc
  .record({
    cores: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
    wishes: fc.array(
      fc.record({
        node: fc.nat(2),
        cores: fc.integer({ min: 1, max: 4 }),
        fromMs: fc.integer({ min: 0, max: lengthMs - 1 }),
        lastsMs: fc.integer({ min: 1, max: 150 }),
      }),
      { maxLength: 14 },
    ),
  })
  .map(({ cores, wishes }) => {
    const shares: Share[] = [];
    for (const wish of wishes) {
      const node = wish.node % cores.length;
      const toMs = Math.min(lengthMs, wish.fromMs + wish.lastsMs);
      let most = 0;
      for (let at = wish.fromMs; at < toMs; at++) most = Math.max(most, heldAt(shares, node, at));
      const count = Math.min(wish.cores, cores[node]! - most);
      if (count > 0) shares.push({ node, cores: count, memoryMb: 0, fromMs: wish.fromMs, toMs });
    }
    return { cores, shares, lengthMs };
  });

export const anyCosts: fc.Arbitrary<SmallCosts> = fc.record({
  reactionMs: fc.integer({ min: 1, max: 12 }),
  startMs: fc.integer({ min: 1, max: 12 }),
  coldMs: fc.nat(6),
});

const heldAt = (shares: readonly Share[], node: number, atMs: number): number =>
  shares
    .filter((share) => share.node === node && share.fromMs <= atMs && atMs < share.toMs)
    .reduce((sum, { cores }) => sum + cores, 0);

/** Memory is ample: cores alone decide. */
export function traceOf({ cores, shares, lengthMs }: SmallTrace): Trace {
  const list = new ShareList();
  for (const share of shares)
    list.add({ ...share, fromMs: epochMs + share.fromMs, toMs: epochMs + share.toMs });
  return {
    nodes: cores.map((count, index) => ({
      name: nodeName(`n${index}`),
      cores: count,
      memoryMb: 1_000_000,
    })),
    fromMs: epochMs,
    toMs: epochMs + lengthMs,
    jobs: shares.length,
    changes: Changes.of(list),
    notes: { skipped: {}, remarks: [] },
  };
}

export const costsOf = ({ reactionMs, startMs, coldMs }: SmallCosts): Costs => ({
  view: { kind: "hook", reactionMs },
  executorStartMs: { least: startMs, most: startMs },
  startsPerPlan: 64,
  coldStartMs: coldMs,
  evictionMs: 1,
  noticeMs: 0,
  checkpointMs: 7,
});

export const saturating = (ms: number): Demand => ({
  durations: { kind: "fixed", ms },
  arrivals: { kind: "saturating" },
  memoryMb: 1,
});

export interface Totals {
  idle: number;
  covered: number;
  useful: number;
  finished: number;
  evicted: number;
  lost: number;
}

interface PlainSlot {
  warm: boolean;
  /** null: empty. */
  startedAt: number | null;
  beganAt: number;
  endsAt: number;
}

interface PlainNode {
  allocated: number;
  state: "none" | "starting" | "ready";
  budget: number;
  readyAt: number;
  lookAt: number | null;
  slots: PlainSlot[];
}

/** The replay, millisecond by millisecond, of endless calls of one length. */
export function plainReplay(trace: SmallTrace, costs: SmallCosts, callMs: number): Totals {
  const totals: Totals = { idle: 0, covered: 0, useful: 0, finished: 0, evicted: 0, lost: 0 };
  const nodes = trace.cores.map(
    (): PlainNode => ({
      allocated: 0,
      state: "none",
      budget: 0,
      readyAt: 0,
      lookAt: costs.reactionMs,
      slots: [],
    }),
  );
  for (let at = 0; at <= trace.lengthMs; at++)
    for (const [index, node] of nodes.entries()) {
      finish(node, at, callMs, totals);
      if (at === trace.lengthMs) continue;
      jobs(
        node,
        trace.shares.filter((share) => share.node === index),
        at,
        costs,
        totals,
      );
      if (node.state === "starting" && node.readyAt === at) {
        node.state = "ready";
        squeeze(node, at, totals);
      }
      if (node.lookAt === at) look(node, trace.cores[index]!, at, costs, totals);
      for (const slot of node.slots)
        if (slot.startedAt === null) begin(slot, at, callMs, costs.coldMs);
      totals.idle += trace.cores[index]! - node.allocated;
      if (node.state === "ready") totals.covered += node.budget;
    }
  return totals;
}

function finish(node: PlainNode, at: number, callMs: number, totals: Totals): void {
  for (const slot of node.slots)
    if (slot.startedAt !== null && slot.endsAt === at) {
      slot.startedAt = null;
      totals.finished++;
      totals.useful += callMs;
    }
}

function begin(slot: PlainSlot, at: number, callMs: number, coldMs: number): void {
  slot.startedAt = at;
  slot.beganAt = at + (slot.warm ? 0 : coldMs);
  slot.endsAt = slot.beganAt + callMs;
  slot.warm = true;
}

function jobs(
  node: PlainNode,
  shares: readonly Share[],
  at: number,
  costs: SmallCosts,
  totals: Totals,
): void {
  for (const share of shares)
    if (share.toMs === at) {
      node.allocated -= share.cores;
      node.lookAt ??= at + costs.reactionMs;
    }
  for (const share of shares)
    if (share.fromMs === at) {
      node.allocated += share.cores;
      node.lookAt ??= at + costs.reactionMs;
      if (node.state === "none") continue;
      node.budget = Math.max(0, node.budget - share.cores);
      if (node.state === "ready") squeeze(node, at, totals);
      if (node.budget === 0) node.state = "none";
    }
}

/** Empty slots go first, then the youngest calls. */
function squeeze(node: PlainNode, at: number, totals: Totals): void {
  while (node.slots.length < node.budget)
    node.slots.push({ warm: false, startedAt: null, beganAt: 0, endsAt: 0 });
  while (node.slots.length > node.budget) {
    const age = (slot: PlainSlot) => (slot.startedAt === null ? -1 : at - slot.startedAt);
    const victim = node.slots.reduce((best, slot) => (age(slot) <= age(best) ? slot : best));
    node.slots.splice(node.slots.indexOf(victim), 1);
    if (victim.startedAt === null) continue;
    totals.evicted++;
    totals.lost += Math.max(0, at - victim.beganAt);
  }
}

function look(node: PlainNode, cores: number, at: number, costs: SmallCosts, totals: Totals): void {
  node.lookAt = null;
  const free = cores - node.allocated;
  if (node.state === "none") {
    if (free === 0) return;
    node.state = "starting";
    node.budget = free;
    node.readyAt = at + costs.startMs;
    return;
  }
  node.budget = free;
  if (node.state === "ready") squeeze(node, at, totals);
  if (free === 0) node.state = "none";
}
