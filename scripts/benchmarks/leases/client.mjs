// The open-loop client of this benchmark: it calls a function over a lease at even intervals,
// whether or not earlier calls have returned. Its line of standard input is {name, workers,
// perSecond, seconds}; the answer has how each call ended.

import { createInterface } from "node:readline";

/** A call that has not ended this long after the last one was sent hangs. */
const patienceMs = 15_000;
const { connect } = await import(process.argv[2]);
const gleaner = await connect();
say({ ready: true });
for await (const line of createInterface({ input: process.stdin }))
  say(await load(JSON.parse(line)));

async function load({ name, workers, perSecond, seconds }) {
  const lease = await gleaner.lease({ function: name, workers, atLeast: workers, waitMs: 60_000 });
  const own = `${lease.id}/`;
  const count = perSecond * seconds;
  const ends = [];
  const call = async (number, dueMs) => {
    const end = { number, error: null, tookMs: null, isMoved: false };
    try {
      const [value, callName, attempt] = await lease.invoke(number);
      if (value !== number) throw new Error(`call ${number} returned ${value}`);
      // Its first worker was lost, or it went through gleanerd.
      end.isMoved = attempt > 1 || (callName !== null && !callName.startsWith(own));
    } catch (error) {
      end.error = error.message;
    }
    end.tookMs = performance.now() - dueMs;
    ends.push(end);
  };
  const startedMs = performance.now();
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, Math.floor(((performance.now() - startedMs) * perSecond) / 1_000));
    for (; sent < due; sent++) void call(sent, startedMs + (sent * 1_000) / perSecond);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const sentInMs = performance.now() - startedMs;
  const untilMs = performance.now() + patienceMs;
  while (ends.length < count && performance.now() < untilMs)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const answer = { leaseId: lease.id, ends: [...ends], hung: count - ends.length, sentInMs };
  await lease.end();
  return answer;
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
