// What executors are told of the bounds of a job's share of their node.

import { describe, expect, test } from "@jest/globals";
import { siteFactsOf } from "../../../../src/daemon/executors/launching.js";
import type { Node } from "../../../../src/model/slurm/node.js";
import type { ClusterFacts } from "../../../../src/model/slurm/snapshot.js";
import { facts, node } from "../../../support/nouns.js";

describe("the facts that an executor gets", () => {
  test.each([
    ["threads", { threadsPerCore: 2 }, {}, { maxCpusPerToldCpu: 2 }],
    ["threads that are not told", { threadsPerCore: null }, {}, { maxCpusPerToldCpu: null }],
    [
      "core specialisation that no prolog is told of",
      {},
      { coreSpecIsHidden: true },
      { maxCpusPerToldCpu: null },
    ],
    ["generic resources", { hasGres: true }, {}, { maxMemoryPerCoreMb: null }],
    ["GPUs of several types", { gpusDiffer: true }, {}, { gpusAreToldInPart: true }],
    ["a site's bound", {}, { maxMemoryPerCoreMb: 1_000 }, { maxMemoryPerCoreMb: 1_000 }],
    ["a node that has no CPU for jobs", { cores: 0 }, {}, { totalCores: 1 }],
  ] as [string, Partial<Node>, Partial<ClusterFacts>, object][])("of %s", (...given) => {
    const [, ofNode, ofSite, expected] = given;
    expect(siteFactsOf(node(ofNode), { ...facts, ...ofSite })).toEqual({
      memoryIsConsumable: true,
      maxMemoryPerCoreMb: 2_000,
      maxCpusPerToldCpu: 1,
      jobsArePinned: false,
      totalCores: 16,
      ...expected,
    });
  });
});
