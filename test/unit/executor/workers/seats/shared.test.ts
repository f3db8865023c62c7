// Several calls at once in one worker of one core: they share its place, its time and its end, and
// each keeps its own log and its own reason.

import { expect, test } from "@jest/globals";
import type {
  AttemptKey,
  AttemptReport,
  CallAttemptOrder,
} from "../../../../../src/wire/messages.js";
import { callingNode, logOf, resultOf } from "../../../../support/executor/calling-node.js";
import type { FunctionCode } from "../../../../support/executor/function-code.js";

const at = callingNode({
  budget: { budget: { cores: 2, memoryMb: 8_000, gpus: [] }, seenHookSequence: 0, knownJobs: [] },
});
const four = { concurrency: 4 };
const keyOf = ({ invocation, attempt }: AttemptKey): AttemptKey => ({ invocation, attempt });

/** Calls for one worker: the first opens it. */
function orders(code: FunctionCode, inputs: readonly unknown[], change = {}): CallAttemptOrder[] {
  const all = inputs.map((input) => at.order(code, input, { cores: 2, ...change }));
  const beside = keyOf(all[0]!);
  return all.map((order, place) => (place === 0 ? order : { ...order, beside }));
}

const run = (all: readonly CallAttemptOrder[]): Promise<AttemptReport[]> =>
  Promise.all(all.map((order) => at.node.finish(order)));

/** A handler that answers once as many calls are in it as its input says. */
const meeting = `let inside = [];
export default (input, { log }) => new Promise((resolve) => {
  log("call " + input.name);
  inside.push(resolve);
  if (inside.length === input.meets) for (const each of inside.splice(0)) each(process.pid);
});`;

test("calls meet in a worker that has all cores, and their parts of its time add up", async () => {
  const code = await at.function({ "index.mjs": meeting }, four);
  const names = ["a", "b", "c", "d"];
  const startedMs = performance.now();
  const ended = await run(
    orders(
      code,
      names.map((name) => ({ name, meets: 4 })),
    ),
  );
  expect(ended.map(({ end }) => end)).toEqual(names.map(() => "COMPLETED"));
  expect(new Set(ended.map(resultOf)).size).toBe(1);
  expect(ended.map(logOf)).toEqual(names.map((name) => `call ${name}\n`));
  const longest = Math.max(...ended.map(({ wallMs }) => wallMs));
  const parts = ended.reduce((sum, { shareMs }) => sum + shareMs!, 0);
  // The worker was held at least for as long as one of them, and each part is rounded down.
  expect(parts).toBeGreaterThanOrEqual(longest - names.length);
  expect(parts).toBeLessThanOrEqual(performance.now() - startedMs);
});

test("a call that finds no seat goes back, and so does one for which there is no room", async () => {
  const code = await at.function({ "index.mjs": meeting }, { concurrency: 2 });
  const [first, second, third] = orders(code, [{ meets: 2 }, { meets: 2 }, { meets: 1 }]);
  at.daemon.send({ type: "start", order: first! });
  const refused = { ...third!, beside: undefined };
  expect(await at.node.finish(refused)).toMatchObject({ end: "EVICTED", wallMs: 0 });
  // It names a worker that has no call in it, so it would need its cores.
  const elsewhere = { ...at.order(code, { meets: 1 }, { cores: 2 }), beside: keyOf(third!) };
  expect(await at.node.finish(elsewhere)).toMatchObject({ end: "EVICTED", wallMs: 0 });
  const [one, other] = await Promise.all([at.daemon.report(first!), at.node.finish(second!)]);
  expect([one!.end, other!.end]).toEqual(["COMPLETED", "COMPLETED"]);
});

test.each([
  ["exits", "process.exit(3)", /called process\.exit\(3\)/],
  [
    "throws in a timer",
    "setTimeout(() => { throw new Error('late'); })",
    /uncaught exception: late/,
  ],
  ["leaves a rejection", "void Promise.reject(new Error('left'))", /unhandled rejection: left/],
])("a call that %s is blamed; the others of its worker run again", async (_what, does, message) => {
  const code = await at.function(
    {
      // Whoever is told to by a call that came later ends the process.
      "index.mjs": `import { AsyncResource } from "node:async_hooks";
const inside = [];
export default ({ isCulprit }) => new Promise(() => {
  inside.push(AsyncResource.bind(() => { if (isCulprit) ${does}; }));
  if (inside.length === 3) for (const each of inside) each();
});`,
    },
    four,
  );
  const all = orders(code, [{}, { isCulprit: true }, {}]);
  const [first, culprit, last] = await run(all);
  expect(culprit).toMatchObject({ end: "FAILED", answer: { kind: "exception" } });
  expect(culprit!.answer).toMatchObject({ error: { message: expect.stringMatching(message) } });
  for (const other of [first!, last!]) {
    expect(other).toMatchObject({ end: "FAILED", isInterrupted: true, exitCode: null });
    expect(other.reason).toContain(`call ${all[1]!.invocation} ended the worker`);
  }
});

test("a call that outlasts its time is killed with its worker; the other is not to blame", async () => {
  const code = await at.function(
    { "index.mjs": "export default () => new Promise(() => {});" },
    four,
  );
  const [late, other] = orders(code, [1, 2]);
  at.daemon.send({ type: "start", order: other! });
  await at.daemon.hears("started", ({ key }) => key.invocation === other!.invocation);
  at.daemon.send({ type: "start", order: late! });
  await at.daemon.hears("started", ({ key }) => key.invocation === late!.invocation);
  at.daemon.send({ type: "cancel", key: keyOf(late!) });
  const [killed, lost] = await Promise.all([at.daemon.report(late!), at.daemon.report(other!)]);
  expect(killed!.end).toBe("CANCELLED");
  // It is billed: its user's own code did not end when it was told to.
  expect(lost).toMatchObject({ end: "FAILED", isInterrupted: true, exitCode: null });
  expect(lost!.reason).toContain(`invocation ${late!.invocation}, which shared its worker`);
});

test("a crash fails every call that was in the worker, and says how many", async () => {
  const code = await at.function(
    {
      "index.mjs": `let inside = 0;
export default () => {
  if (++inside === 2) process.kill(process.pid, "SIGSEGV");
  return new Promise(() => {});
};`,
    },
    four,
  );
  for (const each of await run(orders(code, [1, 2]))) {
    expect(each).toMatchObject({ end: "FAILED", signal: 11 });
    expect(each.reason).toContain("(its worker had 1 other call in it)");
  }
});

test("a job takes all calls of a worker at once", async () => {
  const code = await at.function(
    { "index.mjs": "export default () => new Promise(() => {});" },
    four,
  );
  const all = orders(code, [1, 2, 3]);
  for (const order of all) at.daemon.send({ type: "start", order });
  for (const { invocation } of all)
    await at.daemon.hears("started", ({ key }) => key.invocation === invocation);
  expect(await at.node.hook("prolog", 7, 2)).toBe(0);
  const evicted = await Promise.all(all.map((order) => at.daemon.report(order)));
  expect(evicted.map(({ end }) => end)).toEqual(["EVICTED", "EVICTED", "EVICTED"]);
  const began = await at.daemon.hears("jobBegan");
  const longest = Math.max(...evicted.map(({ wallMs }) => wallMs));
  expect(began.lostCoreMs).toBeLessThanOrEqual(2 * (longest + 1));
});

test("async handlers of Python share a worker, too", async () => {
  const code = await at.function(
    {
      "handler.py": `import asyncio, os
inside = []
async def handler(event):
    mine = asyncio.get_running_loop().create_future()
    inside.append(mine)
    if len(inside) == 3:
        for each in inside:
            each.set_result(os.getpid())
    return await mine
`,
    },
    { ...four, runtime: "python" },
  );
  const ended = await run(orders(code, [1, 2, 3]));
  expect(new Set(ended.map(resultOf)).size).toBe(1);
});
