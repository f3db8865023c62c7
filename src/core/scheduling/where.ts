// Decides which nodes a submission may run on: the named one, without the excluded ones, with the
// features and the type of GPU that it asks for.

import { isSatisfied, parseConstraint } from "../../model/constraint.js";
import { expandHostList } from "../../model/hostlist.js";
import type { Where } from "../../model/invocation.js";
import type { Node } from "../../model/slurm/node.js";

export type NodeFacts = Pick<Node, "name" | "features" | "gpuType">;

/** A test for nodes; throws BAD_REQUEST if the list of excluded nodes cannot be read. */
export function nodeTest({
  node,
  exclude,
  constraint,
  gpuType,
}: Where): (each: NodeFacts) => boolean {
  const excluded = new Set<string>(exclude === undefined ? [] : expandHostList(exclude));
  const wanted = constraint === undefined ? null : parseConstraint(constraint);
  return (each) =>
    (node === undefined || each.name === node) &&
    !excluded.has(each.name) &&
    (gpuType === undefined || each.gpuType === gpuType) &&
    (wanted === null ||
      (typeof wanted !== "string" && isSatisfied(wanted, new Set(each.features))));
}

/** For messages: what it asks of a node. */
export function describeWhere({ node, exclude, constraint, gpuType, exclusive }: Where): string {
  return [
    ...(exclusive ? ["a whole node"] : []),
    ...(node === undefined ? [] : [`node ${node}`]),
    ...(exclude === undefined ? [] : [`none of ${exclude}`]),
    ...(constraint === undefined ? [] : [`the features ${constraint}`]),
    ...(gpuType === undefined ? [] : [`GPUs of type ${gpuType}`]),
  ].join(", ");
}
