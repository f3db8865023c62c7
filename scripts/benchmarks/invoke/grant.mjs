// Leases one worker of a function and ends the lease. A line of standard input is {name}; the
// answer has {tookMs, id}: until the lease was granted and its worker connected.

import { createInterface } from "node:readline";

const { connect } = await import(process.argv[2]);
const gleaner = await connect();
say({ ready: true });
for await (const line of createInterface({ input: process.stdin }))
  say(await grant(JSON.parse(line)));

async function grant({ name }) {
  const startedMs = performance.now();
  const lease = await gleaner.lease({ function: name });
  const tookMs = performance.now() - startedMs;
  const { id } = lease;
  const echo = Buffer.from(await lease.invoke(Buffer.from(name))).toString();
  if (echo !== name) throw new Error(`the worker answered ${echo}, not ${name}`);
  await lease.end();
  return { tookMs, id };
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
