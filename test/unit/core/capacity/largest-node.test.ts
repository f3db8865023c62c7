// What a request for a whole node gets: as much as every node has that could run it.

import { expect, test } from "@jest/globals";
import { wholeNodeOf } from "../../../../src/core/capacity/largest-node.js";
import { nodeName } from "../../../../src/model/ids.js";
import type { ClusterFacts } from "../../../../src/model/slurm/snapshot.js";
import { node } from "../../../support/nouns.js";

const nodes = [
  node({ name: nodeName("thin"), cores: 16, memoryMb: 32_000 }),
  node({ name: nodeName("fat"), cores: 16, memoryMb: 256_000 }),
  node({ name: nodeName("gpu"), cores: 64, memoryMb: 128_000, gpuCount: 4 }),
];
const snapshot = { nodes, facts: {} as ClusterFacts };
const whole = (cores: number, memoryMb: number, gpus: number) =>
  wholeNodeOf(snapshot, 2_000, false, { cores, memoryMb, gpus });

test("the smallest nodes that will do decide", () => {
  expect(whole(1, 0, 0)).toEqual({ cores: 16, memoryMb: 30_000, gpus: 0 });
  expect(whole(1, 100_000, 0)).toEqual({ cores: 16, memoryMb: 126_000, gpus: 0 });
  expect(whole(32, 0, 0)).toEqual({ cores: 64, memoryMb: 126_000, gpus: 0 });
  expect(whole(1, 0, 1)).toEqual({ cores: 64, memoryMb: 126_000, gpus: 1 });
});

test("where none will do, or nothing is known, there is no answer", () => {
  expect(whole(128, 0, 0)).toBeNull();
  expect(whole(1, 255_000, 0)).toBeNull();
  expect(wholeNodeOf(null, 0, false, { cores: 1, memoryMb: 0, gpus: 0 })).toBeNull();
});
