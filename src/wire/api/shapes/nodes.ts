// Shapes for a node: its hole, why it has none, its executor, its hanging processes.

import { z } from "zod";
import {
  type ExecutorState,
  executorTransitions,
  type Placement,
} from "../../../model/capacity/executor.js";
import type { Hole, UnusableNode, UnusableReason } from "../../../model/capacity/hole.js";
import type { HoleEnd, HoleKind, PredictionSource } from "../../../model/capacity/prediction.js";
import type { UnkillableProcess } from "../../../model/capacity/unkillable.js";
import type { Resources } from "../../../model/resources.js";
import {
  duration,
  executorId,
  invocationId,
  nodeName,
  shapeOf,
  share,
  time,
  whole,
} from "./common.js";

export const resources = shapeOf<Resources>()(
  z.strictObject({
    cores: whole,
    memoryMb: whole,
    gpus: z.array(whole).describe("Indices of GPUs"),
    cpuIds: z
      .array(whole)
      .exactOptional()
      .describe("Slurm's numbers of the CPUs that may be used; if omitted, any"),
    gres: z.record(z.string(), whole).optional().describe("Resources that Slurm only counts"),
  }),
);

export const predictionSource = z.enum([
  "planned",
  "reservation",
  "survival",
  "none",
] satisfies PredictionSource[]);
export const holeKind = z.enum(["wholeNode", "fragment"] satisfies HoleKind[]);

const holeEnd = shapeOf<HoleEnd>()(
  z.strictObject({
    endsAtMs: time
      .nullable()
      .describe("For a survival estimate, the time by which half of such holes have closed"),
    confidence: share.describe("The probability that the hole has closed at endsAtMs"),
    source: predictionSource,
  }),
);

export const hole = shapeOf<Hole>()(
  z.strictObject({
    node: nodeName,
    kind: holeKind,
    free: resources,
    sinceMs: time,
    predictedEndAtMs: time.nullable().describe("When Slurm plans to close it"),
    end: holeEnd.describe("The best estimate of its end"),
    gpuProblem: z.string().exactOptional().describe("Why free GPUs are not given to functions"),
  }),
);

const retried = { detail: z.string(), retryInMs: duration };
const reasons = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("full") }),
  z.strictObject({
    kind: z.literal("state"),
    flag: z.string(),
    detail: z.string().exactOptional(),
  }),
  z.strictObject({ kind: z.literal("unknownState"), flag: z.string() }),
  z.strictObject({
    kind: z.literal("owner"),
    owner: z.string(),
    isLabel: z.literal(true).exactOptional().describe("The owner is an MCS label, not a user"),
  }),
  z.strictObject({ kind: z.literal("memory"), freeMb: z.number(), neededMb: z.number() }),
  z.strictObject({ kind: z.literal("pinned"), why: z.string() }),
  z.strictObject({ kind: z.literal("partition"), partition: z.string() }),
  z.strictObject({ kind: z.literal("noHook"), detail: z.string() }),
  z.strictObject({ kind: z.literal("noPreemption"), detail: z.string() }),
  z.strictObject({ kind: z.literal("drained"), by: z.string() }),
  z.strictObject({ kind: z.literal("stale"), ageMs: duration }),
  z.strictObject({ kind: z.literal("tooShort"), endsInMs: duration }),
  z.strictObject({ kind: z.literal("interference"), ...retried }),
  z.strictObject({ kind: z.literal("launchFailing"), ...retried }),
  z.strictObject({ kind: z.literal("sick"), ...retried }),
  z.strictObject({ kind: z.literal("noMemoryLeft"), ...retried }),
]);

export const unusableNode = shapeOf<UnusableNode>()(
  z.strictObject({
    node: nodeName,
    reason: shapeOf<UnusableReason>()(reasons),
    idleCores: whole.describe("Cores that Slurm leaves idle and that go unused for this reason"),
  }),
);

const unkillableProcess = shapeOf<UnkillableProcess>()(
  z.strictObject({
    pid: whole,
    invocation: invocationId.nullable(),
    name: z.string(),
    user: z.string().nullable(),
    waitsIn: z.string().nullable().describe("The kernel's function that it waits in"),
    path: z.string().nullable(),
    fileSystem: z.string().nullable(),
  }),
);

export const nodeUnkillable = z.strictObject({
  count: whole.describe("All of them; processes has the first few"),
  processes: z.array(unkillableProcess),
  held: resources.describe("What their functions were given, which counts as taken"),
  lines: z.array(z.string()).describe("The same in sentences"),
});

export const executorInfo = z.strictObject({
  id: executorId,
  placement: z.enum(["direct", "pilot"] satisfies Placement[]),
  state: z.enum(Object.keys(executorTransitions) as ExecutorState[]),
  disconnected: z
    .boolean()
    .describe("gleanerd has lost its connection to it, and knows it as it was before"),
  budget: resources,
  usedCores: whole,
  running: whole.describe("Invocations"),
  sinceMs: time,
});

export const nodeInfo = z.strictObject({
  node: nodeName,
  slurmState: z.string(),
  cores: whole,
  allocatedCores: whole,
  memoryMb: whole,
  allocatedMemoryMb: whole,
  hole: hole.nullable(),
  unusable: unusableNode.nullable(),
  executor: executorInfo.nullable(),
  drainedBy: z.string().nullable().describe("The operator who drained it"),
  unkillable: nodeUnkillable
    .nullable()
    .describe("What hangs in the node's kernel and cannot be killed"),
});
