// Decides which nodes a submission may run on: the named one, without the excluded ones, with the
// features, the type of GPU, the counted resources and the local disk that it asks for.

import { expandHostList } from "../../model/hostlist.js";
import type { Where } from "../../model/invocation.js";
import { isSatisfied, parseConstraint } from "../../model/slurm/constraint.js";
import { gresFit, gresText } from "../../model/slurm/gres-counts.js";
import type { Node } from "../../model/slurm/node.js";

export type NodeFacts = Pick<Node, "name" | "features" | "gpuType" | "temporaryMb" | "countedGres">;

/** A test for nodes; throws BAD_REQUEST if the list of excluded nodes cannot be read. */
export function nodeTest({
  node,
  exclude,
  constraint,
  gpuType,
  gres,
  temporaryMb = 0,
}: Where): (each: NodeFacts) => boolean {
  const excluded = new Set<string>(exclude === undefined ? [] : expandHostList(exclude));
  const wanted = constraint === undefined ? null : parseConstraint(constraint);
  return (each) =>
    (node === undefined || each.name === node) &&
    !excluded.has(each.name) &&
    (gpuType === undefined || each.gpuType === gpuType) &&
    gresFit(gres, each.countedGres?.total) &&
    // A node without a figure is asked when it starts the function.
    temporaryMb <= (each.temporaryMb ?? temporaryMb) &&
    (wanted === null ||
      (typeof wanted !== "string" && isSatisfied(wanted, new Set(each.features))));
}

/** For messages: what it asks of a node. */
export function describeWhere({
  node,
  exclude,
  constraint,
  gpuType,
  gres,
  exclusive,
  temporaryMb,
}: Where): string {
  return [
    ...(exclusive ? ["a whole node"] : []),
    ...(node === undefined ? [] : [`node ${node}`]),
    ...(exclude === undefined ? [] : [`none of ${exclude}`]),
    ...(constraint === undefined ? [] : [`the features ${constraint}`]),
    ...(gpuType === undefined ? [] : [`GPUs of type ${gpuType}`]),
    ...(gres === undefined ? [] : [gresText(gres)]),
    ...(temporaryMb === undefined ? [] : [`${temporaryMb} MB for temporary files (--tmp)`]),
  ].join(", ");
}
