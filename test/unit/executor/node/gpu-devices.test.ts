// Whether the files of a node prove which of them is which of Slurm's GPUs.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { gpuProblemHere, withoutGpus } from "../../../../src/executor/node/gpu-devices.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "glean-gpus-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function files(...names: readonly string[]): string {
  for (const name of names) writeFileSync(join(folder, name), "");
  return join(folder, "nvidia");
}

test("device files match if there are as many as Slurm counts GPUs; files without a number do not count", () => {
  const before = files("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-caps");
  expect(gpuProblemHere(before, 2)).toBeNull();
});

test.each([
  ["fewer, since Slurm counts slices", 7],
  ["more, since Slurm was told of some", 1],
])("%s: the sentence names both counts", (_what, gpuTotal) => {
  const problem = gpuProblemHere(files("nvidia0", "nvidia1"), gpuTotal);
  expect(problem).toMatch(`Slurm counts ${gpuTotal} GPUs, but the node has 2 files`);
});

test("no check is made without device files or GPUs", () => {
  expect(gpuProblemHere(null, 4)).toBeNull();
  expect(gpuProblemHere(join(folder, "nvidia"), 4)).toBeNull();
  expect(gpuProblemHere(files("nvidia0"), 0)).toBeNull();
});

test("an order loses its GPUs and keeps all else", () => {
  const order = { type: "budget", budget: { cores: 2, memoryMb: 10, gpus: [0, 1] } } as const;
  expect(withoutGpus(order)).toEqual({ ...order, budget: { ...order.budget, gpus: [] } });
});
