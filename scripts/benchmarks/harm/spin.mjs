// Holds a lease of workers that spin. A line of standard input is {name, workers}, which answers
// {id} once all of them serve, or {end: true}, which ends the lease.

import { createInterface } from "node:readline";

const { connect } = await import(process.argv[2]);
const gleaner = await connect();
/** A worker tells how long it has spun when it has answered calls since. */
const callEveryMs = 500;
let lease = null;
let calls;
say({ ready: true });
for await (const line of createInterface({ input: process.stdin }))
  say(await obey(JSON.parse(line)));

async function obey({ name, workers, end }) {
  if (end) {
    clearInterval(calls);
    await lease?.end();
    return {};
  }
  const spinning = { hotMs: -1, atLeast: workers, waitMs: 60_000 };
  lease = await gleaner.lease({ function: name, workers, ...spinning });
  // A call whose lease ends meanwhile is lost, as it should be.
  const callAll = () => Promise.allSettled(lease.workers.map(() => lease.invoke(null)));
  calls = setInterval(callAll, callEveryMs);
  return { id: lease.id };
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
