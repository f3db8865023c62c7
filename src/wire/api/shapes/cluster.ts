// Shapes for the cluster: info, explain, holes, drain and resume, doctor.

import { z } from "zod";
import { type IdlePart, idleParts, type UnusedCores } from "../../../model/records/idle.js";
import { maxNamedNodes, maxWordLength } from "../limits.js";
import { duration, nodeName, nodeText, shapeOf, whole } from "./common.js";
import { nodeInfo } from "./nodes.js";

export const infoAnswer = z.strictObject({
  clusterName: z.string(),
  version: z.string().describe("gleanerd's version"),
  snapshotAgeMs: duration.nullable().describe("null before Slurm was read"),
  stale: z.boolean().describe("Whether the view of Slurm is too old to start anything by"),
  slurmProblem: z.string().nullable(),
  commandsPerMinute: z.number().describe("Slurm commands run in the last minute"),
  rpcsPerMinute: z.number().describe("Remote procedure calls that slurmctld answered for them"),
  pending: whole.describe("Invocations that wait"),
  running: whole,
  nodes: z.array(nodeInfo),
});

export const whatParameter = z.strictObject({
  what: z
    .string()
    .max(maxWordLength)
    .regex(/^[A-Za-z0-9._-]+$/, "must be an invocation's id or a node's name"),
});
export const explainAnswer = z.strictObject({
  what: z.string(),
  lines: z.array(z.string()).describe("A sentence each, the decisive one first"),
});

export const nodeQuery = z.strictObject({ node: nodeText.exactOptional() });
export const idlePart = z.enum(idleParts satisfies readonly IdlePart[]);
const unusedCores = shapeOf<UnusedCores>()(
  z.strictObject({
    node: nodeName,
    cores: whole,
    part: idlePart,
    why: z.string().describe("One sentence without a full stop"),
  }),
);
export const holesAnswer = z.strictObject({
  idleCores: whole.describe("Cores that no batch job holds"),
  holes: z.array(unusedCores).describe("Those of them that run nothing"),
});

export const drainRequest = z.strictObject({
  nodes: z.array(nodeText).min(1).max(maxNamedNodes).describe("Node names, host lists, or all"),
  now: z
    .boolean()
    .describe("Kill what runs, which returns to the queue, instead of letting it finish"),
});
export const drainAnswer = z.strictObject({
  nodes: z.array(z.string()),
  problems: z.array(z.string()),
});

export const doctorCheck = z.strictObject({
  name: z.string(),
  status: z.enum(["ok", "warning", "failed"]),
  detail: z.string(),
});
export const doctorAnswer = z.strictObject({ checks: z.array(doctorCheck) });
