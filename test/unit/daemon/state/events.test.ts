// The stream of what happens: every subscriber hears of it in turn, and none can stop another or
// the publisher.

import { readdirSync, readFileSync } from "node:fs";
import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Events } from "../../../../src/daemon/state/events.js";
import { invocationId } from "../../../../src/model/ids.js";

const ended = { type: "arrayEnded", array: invocationId(7) } as const;
let logged: Record<string, unknown>[];
let heard: string[];
let events: Events;

beforeEach(() => {
  [logged, heard] = [[], []];
  events = new Events(pino({}, { write: (line) => void logged.push(JSON.parse(line)) }));
});

test("subscribers are called in the order of their subscription, before publish returns", () => {
  for (const name of ["a", "b", "c"])
    events.subscribe(["arrayEnded"], ({ array }) => heard.push(`${name} ${array}`));
  events.publish(ended);
  expect(heard).toEqual(["a 7", "b 7", "c 7"]);
});

test("a subscriber hears of its types only", () => {
  events.subscribe(["drainsChanged", "pilotWanted"], ({ type }) => heard.push(type));
  events.publish(ended);
  events.publish({ type: "pilotWanted" });
  events.publish({ type: "drainsChanged" });
  expect(heard).toEqual(["pilotWanted", "drainsChanged"]);
});

test("one that throws is logged, with its stack, and stops neither the others nor the publisher", () => {
  events.subscribe(["arrayEnded"], () => {
    throw new TypeError("it has no name");
  });
  events.subscribe(["arrayEnded"], () => heard.push("next"));
  expect(() => events.publish(ended)).not.toThrow();
  expect(heard).toEqual(["next"]);
  expect(logged).toMatchObject([
    {
      level: 50,
      event: "arrayEnded",
      err: { message: "it has no name" },
      msg: "a subscriber failed",
    },
  ]);
  expect(logged[0]!.err).toHaveProperty("stack");
});

test("one that subscribes meanwhile hears of the next event", () => {
  events.subscribe(["arrayEnded"], () => {
    if (heard.push("first") === 1) events.subscribe(["arrayEnded"], () => heard.push("late"));
  });
  events.publish(ended);
  expect(heard).toEqual(["first"]);
  events.publish(ended);
  expect(heard).toEqual(["first", "first", "late"]);
});

test("each event has a publisher and a subscriber in the daemon", () => {
  const folder = new URL("../../../../src/daemon/", import.meta.url);
  const texts = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => [path, readFileSync(new URL(path, folder), "utf8")] as const);
  const [, stream] = texts.find(([path]) => path === "state/events.ts")!;
  const types = [...stream.matchAll(/readonly type: "(\w+)"/g)].map(([, type]) => type!);
  const others = texts.filter(([path]) => path !== "state/events.ts").map(([, text]) => text);
  const found = (pattern: RegExp) => others.flatMap((text) => text.match(pattern) ?? []).join();
  const published = found(/publish\(\{\s*type: "\w+"/g);
  const subscribed = found(/subscribe\(\s*\[[^\]]*\]/g);
  expect(types.length).toBeGreaterThan(10);
  for (const type of types) {
    expect(published).toContain(`"${type}"`);
    expect(subscribed).toContain(`"${type}"`);
  }
});
