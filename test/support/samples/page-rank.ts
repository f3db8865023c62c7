// The PageRank of a random graph's first vertex by power iteration, to hold igraph's own to.

import { execFileSync } from "node:child_process";

const program = `
import random, sys
import igraph, numpy

size, seed = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
edges = numpy.array(igraph.Graph.Barabasi(size, 10).get_edgelist())
ends, others = numpy.concatenate([edges, edges[:, ::-1]]).T
degrees = numpy.bincount(ends, minlength=size)
rank = numpy.full(size, 1 / size)
for _ in range(200):
    rank = 0.15 / size + 0.85 * numpy.bincount(others, (rank / degrees)[ends], size)
print(rank[0])
`;

export const pageRankOfFirst = (size: number, seed: number): number =>
  Number(
    execFileSync("/usr/bin/python3", ["-c", program, `${size}`, `${seed}`], { encoding: "utf8" }),
  );
