// The program that calls: one call at a time, with that many new bytes each, through the npm
// package `gleaner`, whose file is the argument. A line of standard input is {"bytes": N, "calls":
// N}.

import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";

const { connect } = await import(process.argv[2]);
const gleaner = await connect();
say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { bytes, calls } = JSON.parse(line);
  const tookMs = [];
  for (let each = 0; each < calls; each++) {
    const input = randomBytes(bytes);
    const startedMs = performance.now();
    const output = await gleaner.invoke("noop", input);
    tookMs.push(performance.now() - startedMs);
    input[0] ^= 1;
    if (!input.equals(output)) throw new Error("the call did not return its input, changed");
  }
  say({ tookMs });
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
