// What each row's program in JavaScript is to do, from its environment, and how it says what it
// measured.

import { hrtime } from "node:process";

const plan = process.env.INVOKE_PLAN.split("\n").map((line) => {
  const [name, bytes, calls] = line.split(" ");
  return { name, bytes: Number(bytes), calls: Number(calls) };
});
const inFlight = Number(process.env.INVOKE_IN_FLIGHT);
const burstCalls = Number(process.env.INVOKE_BURST);

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Times `call(bytes)` for each size, one after another; then many at once if there is a number. */
export async function measure(call, { withBursts }) {
  for (const { name, bytes, calls } of plan) {
    const input = Buffer.alloc(bytes, "x");
    const tookUs = new Array(calls);
    for (let each = 0; each < Math.min(500, calls); each++) await call(input);
    for (let each = 0; each < calls; each++) {
      const started = hrtime.bigint();
      await call(input);
      tookUs[each] = Number(hrtime.bigint() - started) / 1e3;
    }
    say({ size: name, tookUs });
  }
  if (!withBursts || burstCalls === 0) return;
  const input = Buffer.alloc(1, "x");
  for (const calls of [burstCalls / 4, burstCalls]) {
    let left = calls;
    const started = hrtime.bigint();
    const one = async () => {
      while (left-- > 0) await call(input);
    };
    await Promise.all(Array.from({ length: inFlight }, one));
    if (calls < burstCalls) continue;
    say({ inFlight, callsPerS: calls / (Number(hrtime.bigint() - started) / 1e9) });
  }
}
