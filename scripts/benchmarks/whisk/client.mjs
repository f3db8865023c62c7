// The open-loop client of this benchmark: it calls functions at their times, whether or not earlier
// calls have returned. A line of standard input is a list of {atMs, name, input}; the answer has
// {tookMs, error} for each.

import { createInterface } from "node:readline";

const { connect } = await import(process.argv[2]);
const gleaner = await connect();
say({ ready: true });
for await (const line of createInterface({ input: process.stdin }))
  say(await callAll(JSON.parse(line)));

/** A call takes from the time when it was due, so that a late client hides nothing. */
function callAll(calls) {
  const startedMs = performance.now();
  const call = async ({ atMs, name, input }) => {
    const error = await gleaner.invoke(name, input).then(
      (value) => (value === input ? null : `it returned ${value}`),
      ({ message }) => message,
    );
    return { tookMs: performance.now() - startedMs - atMs, error };
  };
  const due = ({ atMs, ...each }) =>
    new Promise((resolve) =>
      setTimeout(() => resolve(call({ atMs, ...each })), startedMs + atMs - performance.now()),
    );
  return Promise.all(calls.map(due));
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
