// Tells who is to blame for a command that could not be started, the node or its user, and says so.

import type { InvocationId, NodeName } from "../../model/ids.js";
import type { StartFailure, StartStage } from "../../model/records/start-failure.js";

/** An attempt whose command did not start. */
export interface FailedStart extends StartFailure {
  readonly invocation: InvocationId;
  readonly attempt: number;
  readonly functionKey: string;
  readonly user: string;
  readonly node: NodeName;
  /** The node's error message. */
  readonly message: string;
}

/** Stages that involve nothing that the user chose. */
const nodesOwn: ReadonlySet<StartStage> = new Set([
  "start",
  "join",
  "oom-score",
  "schedule",
  "affinity",
  "namespace",
]);
/** Stages that write where the site said; a quota (EDQUOT) and `--tmp` (EFBIG) are the user's. */
const onNodesDisk: ReadonlySet<StartStage> = new Set(["temporary", "code"]);
const e2big = 7;
const enoexec = 8;
const eio = 5;
const enospc = 28;
const erofs = 30;
const diskErrors: ReadonlySet<number> = new Set([eio, enospc, erofs]);

/** Whether nothing that the user chose can be the cause. */
export const isNodesOwn = ({ stage, errno }: StartFailure): boolean =>
  nodesOwn.has(stage) || (onNodesDisk.has(stage) && diskErrors.has(errno));

/**
 * Whether the last try failed as it had on another node, in a stage that depends on the user's
 * request.
 */
export function isLikewise(all: readonly FailedStart[]): boolean {
  const last = all.at(-1)!;
  const isSame = ({ node, stage }: FailedStart) => node !== last.node && stage === last.stage;
  return !isNodesOwn(last) && all.some(isSame);
}

/** Whether no node could start it. */
export const isUsersOwn = ({ stage, errno }: StartFailure): boolean =>
  stage === "request" || (stage === "exec" && (errno === e2big || errno === enoexec));

const causes: Partial<Record<StartStage, string>> = {
  user: "their user is unknown",
  chdir: "the working directory cannot be entered",
  "open-stdin": "the input file cannot be opened",
  "open-stdout": "the output file cannot be opened",
  "open-stderr": "the output file cannot be opened",
  temporary: "no folder for temporary files can be made",
  checkpoint: "the checkpoint folder cannot be created",
  exec: "the program or its interpreter is missing",
  join: "their cgroup cannot be created",
  namespace: "their namespaces cannot be created",
  code: "the code of a function cannot be stored",
};

/** Words for the cause that name nothing of the user's. */
export const causeOf = ({ stage }: StartFailure): string => causes[stage] ?? `step ${stage}`;

/** The node's message, with all nodes on which it was tried. */
export function sentenceOf({ message, node }: FailedStart, before: readonly FailedStart[]): string {
  const others = [...new Set(before.map((each) => each.node))].filter((each) => each !== node);
  const also = others.length === 0 ? "" : `, after a try on ${others.join(" and ")}`;
  return `${message} (on ${node}${also})`;
}
