// Nodes without memory: how long Gleaner leaves them alone, and when that begins anew.

import { beforeEach, expect, test } from "@jest/globals";
import { FullNodes } from "../../../../src/core/capacity/full-nodes.js";
import { nodeName } from "../../../../src/model/ids.js";

const [n1, n2] = [nodeName("n1"), nodeName("n2")];
const hourMs = 3_600_000;
let full: FullNodes;
let found: string[];

beforeEach(() => {
  found = [];
  full = new FullNodes((node) => found.push(node));
});

test("a node is left alone, for twice as long each time, an hour at most", () => {
  let nowMs = 5;
  const awayMs: number[] = [];
  for (let time = 0; time < 8; time++) {
    full.heard(n1, nowMs);
    const { untilMs } = full.illness(n1, nowMs)!;
    awayMs.push(untilMs - nowMs);
    expect(full.illness(n1, untilMs - 1)).not.toBeNull();
    expect(full.illness(n1, untilMs)).toBeNull();
    nowMs = untilMs;
  }
  const minutes = awayMs.map((ms) => ms / 60_000);
  expect(minutes).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  expect(full.illness(n2, nowMs)).toBeNull();
  expect(found).toHaveLength(8);
});

test("what is reported while a node is left alone changes nothing", () => {
  full.heard(n1, 0);
  full.heard(n1, 59_999);
  expect(full.illness(n1, 1)).toMatchObject({
    untilMs: 60_000,
    detail: expect.stringMatching(/the node has no memory left for functions although Slurm says/),
  });
  expect(found).toEqual([n1]);
});

test("after an hour in use a node is left alone for a minute again", () => {
  full.heard(n1, 0);
  full.heard(n1, 60_000);
  expect(full.illness(n1, 60_000)?.untilMs).toBe(180_000);
  full.heard(n1, 180_000 + hourMs + 1);
  expect(full.illness(n1, 180_000 + hourMs + 1)?.untilMs).toBe(240_000 + hourMs + 1);
});
