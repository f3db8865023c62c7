// `glean function logs`: what one's own calls printed, each line with its call, also as they end.

import { expect, test } from "@jest/globals";
import { expectSentence, gleanWorld, invocation } from "../../../support/glean.js";

const world = gleanWorld();
const logs = (...args: string[]) => world.start(["function", "logs", ...args]);
const asked = () => world.requests.filter(({ url }) => url.startsWith("/v1/functions/"));
const log = (id: string, text: string) => ({ id, endedAtMs: 1_000, text });
const route = "GET /v1/functions/-/tile/log";

/** One answer after the other; from then on there is nothing new. */
function answers(...pages: { logs: object[]; next: number }[]): void {
  let next = 0;
  world.answers[route] = () => {
    const page = pages.shift() ?? { logs: [], next };
    next = page.next;
    return { body: { running: [], ...page } };
  };
}

test("each line has its call's id, page after page, without what a terminal obeys", async () => {
  answers(
    { logs: [log("7", "one\ntwo\n"), log("8_0", "\u001b[31mred")], next: 2 },
    { logs: [log("9", "three\n")], next: 3 },
  );
  const { status, stdout } = await logs("tile", "--last", "2:00").end;
  expect([status, stdout]).toEqual([0, "[7] one\n[7] two\n[8_0] ?[31mred\n[9] three\n"]);
  expect(asked().map(({ url }) => url.split("?")[1])).toEqual([
    "lastMs=120000",
    "after=2&waitMs=0",
    "after=3&waitMs=0",
  ]);
});

test("if nothing was printed, a sentence says how far it looked", async () => {
  answers();
  const { status, stdout, stderr } = await logs("tile").end;
  expect([status, stdout]).toEqual([0, ""]);
  expect(stderr).toMatch(/note: no call of yours that ended within 10 minutes printed anything: /);
});

test("-f shows the lines of calls that run, and at their ends what was not shown yet", async () => {
  const parts = [
    { text: "one\ntw", next: 6, attempt: 1, isOver: false },
    { text: "o\n", next: 8, attempt: 1, isOver: false },
    { text: "", next: 4, attempt: 2, isOver: false },
    { text: "again\n", next: 6, attempt: 2, isOver: false },
    { text: "last", next: 10, attempt: 2, isOver: true },
  ];
  world.answers["GET /v1/invocations/7/log"] = () => ({ body: parts.shift()! });
  world.answers[route] = () => {
    if (parts.length === 0) return "cut";
    const isOver = parts.length === 1;
    const ended = isOver ? [log("7", "again\nlast")] : [];
    return { body: { logs: ended, next: 4, running: isOver ? [] : ["7"] } };
  };
  const following = logs("tile", "-f");
  let shown = "";
  await new Promise<void>((resolve) =>
    following.child.stdout.on("data", (piece: Buffer) => {
      shown += piece.toString();
      if (shown.endsWith("last\n")) resolve();
    }),
  );
  following.child.kill("SIGINT");
  await following.end;
  expect(shown).toBe("[7] one\n[7] two\n[7] again\n[7] last\n");
  const afters = world.requests.flatMap(({ url }) => /log\?after=(\d+)$/.exec(url)?.[1] ?? []);
  expect(afters).toEqual(["0", "6", "8", "0", "6"]);
});

test("-f goes on after what was there, and survives a break of the connection", async () => {
  let asks = 0;
  world.answers[route] = () => {
    asks++;
    if (asks === 1) return { body: { logs: [], next: 4, running: [] } };
    if (asks === 2) return "cut";
    if (asks === 3) return { body: { logs: [log("7", "late\n")], next: 5, running: [] } };
    return "cut";
  };
  const following = logs("tile", "-f");
  const [first] = (await new Promise<Buffer[]>((resolve) =>
    following.child.stdout.once("data", (...all) => resolve(all)),
  )) as [Buffer];
  following.child.kill("SIGINT");
  await following.end;
  expect(first.toString()).toBe("[7] late\n");
  expect(
    asked()
      .slice(0, 3)
      .map(({ url }) => url.split("?")[1]),
  ).toEqual(["lastMs=600000", "after=4&waitMs=1000", "after=4&waitMs=1000"]);
});

test("--json prints a line for each call", async () => {
  answers({ logs: [log("7", "one\n")], next: 2 });
  const { stdout } = await logs("tile", "--json").end;
  expect(JSON.parse(stdout)).toEqual({ id: "7", endedAtMs: 1_000, text: "one\n" });
});

test("--call prints the log of one call, and refuses what is no call of the function", async () => {
  const command = { kind: "call", function: "ada/tile" };
  let isOver = true;
  const call = (change: object) => ({
    body: { invocation: { ...invocation, ...change }, submission: { command }, attempts: [] },
  });
  world.answers["GET /v1/invocations/7"] = () => call({ arrayJobId: null, endedAtMs: 5 });
  world.answers["GET /v1/invocations/7/log"] = () => ({
    body: { text: "one\n", next: 4, attempt: 1, isOver },
  });
  expect((await logs("tile", "--call", "7").end).stdout).toBe("[7] one\n");
  expectSentence(
    await logs("other", "--call", "7").end,
    2,
    /7 is no call of other: see glean show/,
  );
  world.answers["GET /v1/invocations/7"] = () => call({ arrayJobId: 7, endedAtMs: 5 });
  expectSentence(await logs("tile", "--call", "7").end, 2, /7 is a map: name one of its calls/);
  isOver = false;
  world.answers["GET /v1/invocations/7"] = () => call({ arrayJobId: null, endedAtMs: null });
  const { status, stdout, stderr } = await logs("tile", "--call", "7").end;
  expect([status, stdout]).toEqual([0, "[7] one\n"]);
  expect(stderr).toBe("glean: note: 7 has not ended: -f goes on with what it prints\n");
});

test.each<[string[], RegExp]>([
  [["tile@prod"], /the logs are those of all versions: give tile without @/],
  [["tile", "--last", "soon"], /--last/],
  [["tile", "--last", "1", "--call", "7"], /give --call or --last, and not both/],
  [["tile", "--call", "x"], /x/],
  [["a b"], /a b/],
])("refuses %j", async (args, sentence) => {
  expectSentence(await logs(...args).end, 2, sentence);
  expect(asked()).toEqual([]);
});
