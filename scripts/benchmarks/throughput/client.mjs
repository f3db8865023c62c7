// Gleaner's client in this benchmark: maps and calls of a deployed no-op through the npm package
// `gleaner`, whose file is the argument. Lines of standard input are {"map": NAME, "tasks": N} or
// {"call": NAME, "tasks": N, "inFlight": N}.

import { createInterface } from "node:readline";

const { connect } = await import(process.argv[2]);
const gleaner = await connect();
say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  say(asked.map === undefined ? await calls(asked) : await map(asked));
}

async function map({ map: name, tasks }) {
  const inputs = Array.from({ length: tasks }, (_, index) => index);
  const startedMs = performance.now();
  let returned = 0;
  for await (const { ok, index, value, error } of gleaner.map(name, inputs)) {
    if (!ok) throw error;
    if (value !== index) throw new Error(`call ${index} returned ${value}`);
    returned++;
  }
  if (returned !== tasks) throw new Error(`${returned} of ${tasks} calls returned`);
  return { elapsedMs: performance.now() - startedMs };
}

async function calls({ call: name, tasks, inFlight }) {
  const tookMs = [];
  const startedMs = performance.now();
  let next = 0;
  const one = async () => {
    while (next < tasks) {
      const index = next++;
      const calledMs = performance.now();
      const value = await gleaner.invoke(name, index);
      if (value !== index) throw new Error(`call ${index} returned ${value}`);
      tookMs.push(performance.now() - calledMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return { elapsedMs: performance.now() - startedMs, tookMs };
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
