// How many spares of whom a node keeps, and which worker gets one, beside processes that are only
// said to run.

import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { OpenedGroup } from "../../../../../src/executor/runtimes/group.js";
import type {
  ProcessEnd,
  ProcessEvents,
  RunHandle,
} from "../../../../../src/executor/runtimes/runtime.js";
import { giverOf } from "../../../../../src/executor/workers/standby/given-room.js";
import { Spare } from "../../../../../src/executor/workers/standby/spare.js";
import { Spares } from "../../../../../src/executor/workers/standby/spares.js";
import { held } from "../../../../../src/executor/workers/standby/standby.js";
import type { WorkerKind } from "../../../../../src/model/call.js";
import type { VersionId } from "../../../../../src/model/ids.js";
import type { CallAttemptOrder } from "../../../../../src/wire/messages.js";

interface Booting {
  readonly uid: number;
  readonly spare: Spare;
  readonly events: ProcessEvents;
  isFrozen: boolean;
}

let booting: Booting[];
let spares: Spares;
beforeEach(() => {
  booting = [];
  spares = new Spares((order, onGone) => {
    let events: ProcessEvents;
    const group = {
      isEmpty: () => true,
      processes: () => [process.pid],
      freeze: (isOn: boolean) => {
        made.isFrozen = isOn;
      },
    };
    const spare = new Spare({
      memoryMb: order.memoryMb,
      version: null,
      opened: { group } as unknown as OpenedGroup,
      spawn: (given) => {
        events = given;
        return { kill: () => {} } as RunHandle;
      },
      onEnd: () => {},
      onGone,
    });
    const made: Booting = { uid: order.uid, spare, events: events!, isFrozen: false };
    booting.push(made);
    return spare;
  });
});

afterEach(() => booting.forEach(end));

const room = { cores: 64, memoryMb: 100_000, gpus: [] };

function order(uid = 1_000, memoryMb = 100): CallAttemptOrder {
  const settings = { runtime: "node", image: null, setup: null };
  const user = { uid, gid: uid, user: `u${uid}` };
  const size = { cores: 1, memoryMb, gpus: 0 };
  return { ...user, ...size, environment: {}, command: { settings } } as never;
}

/** Its process lives as long as this one. */
const started = ({ events }: Booting): void => events.onStarted(process.pid);

function end({ events }: Booting): void {
  events.onEnd({ kind: "vanished", message: "it was killed" });
}

async function boot(each: Booting): Promise<void> {
  started(each);
  const protocol = new PassThrough();
  each.spare.connected(protocol as unknown as Socket);
  each.spare.prints(new PassThrough() as unknown as Socket);
  protocol.write("hello");
  await new Promise(setImmediate);
  expect(each.isFrozen).toBe(true);
}

const callAndEnd = (): Spare | null => {
  const spare = spares.reserve(order());
  spares.want(order(), room);
  return spare;
};

test("a user has one, and one more after each call that found none booted, up to four", async () => {
  spares.want(order(), room);
  expect(spares.all).toHaveLength(1);
  await boot(booting[0]!);
  expect(callAndEnd()).toBe(booting[0]!.spare);
  expect(spares.all).toHaveLength(1);
  const counts = Array.from({ length: 5 }, () => {
    expect(callAndEnd()).toBeNull();
    return spares.all.length;
  });
  expect(counts).toEqual([2, 3, 4, 4, 4]);
});

test("beside a pinned job, one that has booted must be frozen, and one that boots ends", async () => {
  spares.want(order(), room);
  expect(held(spares.all, true)).toEqual([]);
  await boot(booting[0]!);
  expect(held(spares.all, true)).toEqual([booting[0]!.spare.opened.group]);
});

test("after one that ended before it had booted there is none", () => {
  spares.want(order(), room);
  end(booting[0]!);
  expect(callAndEnd()).toBeNull();
  expect(booting).toHaveLength(1);
});

test("those of another size stay as long as no core is free for the next one", async () => {
  spares.want(order(), room);
  await boot(booting[0]!);
  spares.want(order(1_000, 200), { ...room, cores: 0 });
  expect(spares.reserve(order())).toBe(booting[0]!.spare);
  expect(booting[0]!.isFrozen).toBe(false);
});

test("there are no more than fit, with those that boot on cores that no call holds", () => {
  spares.want(order(), { ...room, cores: 0 });
  spares.want(order(), { ...room, memoryMb: 99 });
  expect(spares.all).toEqual([]);
  for (let call = 0; call < 4; call++) spares.reserve(order());
  spares.want(order(), { ...room, memoryMb: 399 });
  expect(spares.all).toHaveLength(3);
  spares.want(order(), { ...room, cores: 3 });
  expect(spares.all).toHaveLength(3);
  spares.want(order(), { ...room, cores: 4 });
  expect(spares.all).toHaveLength(4);
});

test("only the first one may cost others their memory", () => {
  const full = { ...room, memoryMb: 99 };
  expect(spares.want(order(), full)).toBe(false);
  expect(spares.want(order(), { ...full, cores: 0 })).toBe(true);
  expect(spares.want(order(), room)).toBe(true);
  spares.reserve(order());
  expect(spares.want(order(), full)).toBe(true);
});

const idle = (idleSinceMs: number, key = "a", change: Partial<WorkerKind> = {}) => {
  const kind = { uid: 1_000, version: "v" as VersionId, cores: 1, memoryMb: 100, gpus: 0 };
  return { key, kind: { ...kind, ...change }, idleSinceMs };
};

test("a user with many idle workers gives the oldest one for it, but none that is to stay", () => {
  const many = [idle(8), idle(1, "b"), ...[4, 5, 6, 7, 3].map((each) => idle(each))];
  const oldest = [idle(0, "c", { uid: 7 }), idle(0, "c", { gpus: 1 })];
  const asked = { uid: 1_000, memoryMb: 100 };
  const none = new Map<string, number>();
  expect(giverOf([...oldest, ...many], asked, none)).toBeNull();
  const small = idle(2, "d", { memoryMb: 99 });
  const enough = [...oldest, small, ...many];
  expect(giverOf(enough, asked, none)).toBe(many[1]);
  expect(giverOf(enough, asked, new Map([["b", 1]]))).toBe(many.at(-1));
  const all = new Map([
    ["a", 6],
    ["b", 1],
  ]);
  expect(giverOf(enough, asked, all)).toBeNull();
});

test("all users of a node have sixteen at most", () => {
  for (let uid = 1; uid <= 20; uid++) spares.want(order(uid), room);
  expect(booting.map(({ uid }) => uid)).toEqual(
    Array.from({ length: 16 }, (_, index) => index + 1),
  );
});

test("a user with many gives one up for the first one of somebody else", () => {
  const kept = (uid: number) =>
    booting.filter((each) => each.uid === uid && each.spare.isOpen).length;
  const want = (uid: number, found: number) => {
    spares.want(order(uid), room);
    for (let call = 0; call < found; call++) spares.reserve(order(uid));
    spares.want(order(uid), room);
  };
  for (const uid of [1, 2, 3, 4]) want(uid, 3);
  spares.want(order(5), { ...room, memoryMb: 99 });
  expect([1, 2, 3, 4].map(kept)).toEqual([4, 4, 4, 4]);
  for (const uid of [5, 6, 7, 8, 9]) want(uid, 0);
  expect([1, 2, 3, 4].map(kept).sort()).toEqual([2, 3, 3, 3]);
  expect([5, 6, 7, 8, 9].map(kept)).toEqual([1, 1, 1, 1, 1]);
  want(1, 0);
  expect(booting.filter(({ spare }) => spare.isOpen)).toHaveLength(16);
});

test("those of another size go before others of their user come", async () => {
  spares.want(order(), room);
  started(booting[0]!);
  spares.want(order(1_000, 200), room);
  expect(spares.reserve(order())).toBeNull();
  expect(booting).toHaveLength(1);
  expect(spares.all.map(({ isOpen }) => isOpen)).toEqual([false]);
  end(booting[0]!);
  await booting[0]!.spare.stop();
  spares.want(order(1_000, 200), room);
  expect(spares.all.map(({ memoryMb }) => memoryMb)).toEqual([200]);
});

test("a call takes one that boots if its process runs, and gets its connections", () => {
  spares.want(order(), room);
  expect(spares.reserve(order())).toBeNull();
  started(booting[0]!);
  const spare = spares.reserve(order())!;
  expect(spare).toBe(booting[0]!.spare);
  expect(spares.all).toEqual([]);
  const heard: string[] = [];
  const events = {
    onStarted: () => heard.push("started"),
    onEnd: ({ kind }: ProcessEnd) => heard.push(kind),
  };
  const taker = {
    connected: () => heard.push("protocol"),
    prints: () => heard.push("output"),
    retire: () => {},
    startAlone: () => ({ kill: () => {} }) as RunHandle,
  };
  spare.prints(new PassThrough() as unknown as Socket);
  expect(spare.take(events, taker)).not.toBeNull();
  spare.connected(new PassThrough() as unknown as Socket);
  end(booting[0]!);
  expect(heard).toEqual(["started", "output", "protocol", "vanished"]);
  expect(booting[0]!.isFrozen).toBe(false);
});
