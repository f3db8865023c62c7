// The calls of a made-up gleanerd: they wait until a test ends them, or end at once.

import { setImmediate as turn } from "node:timers/promises";
import { GleanerError } from "../../../src/model/errors.js";
import { blobHash, invocationId } from "../../../src/model/ids.js";
import { LeaseClient } from "../../../src/sdk/functions/lease-client.js";
import type { Connection } from "../../../src/sdk/index.js";
import { isCarried } from "../../../src/sdk/line/carried-input.js";
import { FrameReader, inputIn } from "../../../src/wire/api/input-frames.js";
import { payloadText } from "../../../src/wire/api/payloads.js";
import type { Outcome, PayloadText } from "../../../src/wire/api/types.js";

type End = Pick<Outcome, "state" | "reason" | "answer">;
type Client = Connection["client"];

export const json = (value: unknown): PayloadText => ({
  contentType: "application/json",
  text: JSON.stringify(value),
});
export const result = (payload: PayloadText): End => ({
  state: "COMPLETED",
  reason: null,
  answer: { kind: "result", payload },
});
export const ended = (state: Outcome["state"], reason: string | null = null): End => ({
  ...{ state, reason, answer: null },
});
export const failed = (kind: "exception" | "notLoaded"): End => ({
  ...{ state: "FAILED", reason: null },
  answer: {
    kind,
    error: { type: "KeyError", message: "no x", stack: '  File "main.py", line 3, in handler' },
  },
});

const textIn = (frame: Buffer): PayloadText => payloadText(inputIn(frame));

interface Task {
  readonly input: PayloadText;
  end: End | null;
}

export class FakeCalls implements Client {
  /** By the array's id, or the call's. */
  readonly tasks = new Map<string, Task[]>();
  readonly cancelled: string[] = [];
  /** What a call ends with at once; null: with nothing until `finish`. */
  answer: (input: PayloadText) => End | null = (input) => result(input);
  /** Called before a request is carried out; may throw. */
  before: (request: { readonly inputs: readonly PayloadText[] }) => void = () => undefined;
  /** Contents by their hash. */
  readonly contents = new Map<string, Uint8Array>();
  readonly leases = new LeaseClient(() => Promise.reject(new Error("it has no leases")));
  readonly functions: Client["functions"] = {
    putBlob: async (sha256, { bytes, open }) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of open()) pieces.push(piece);
      this.contents.set(sha256, Buffer.concat(pieces));
      return { sha256: blobHash(sha256), bytes: bytes!, isNew: true };
    },
    getBlob: async (sha256) => {
      const content = this.contents.get(sha256);
      if (content === undefined) throw new GleanerError("NOT_FOUND", "no such content");
      return content;
    },
  };
  private readonly ends = new Map<string, number[]>();
  /** Called before a map is read; may throw. */
  refuse: () => void = () => undefined;
  private readonly byRequest = new Map<string, number>();

  get inputs(): number {
    return [...this.tasks.values()].flat().length;
  }

  finish(id: string, task: number, end: End): void {
    this.tasks.get(id)![task]!.end = end;
  }

  call: Client["call"] = async ({ requestId, input, waitMs = 0 }, signal) => {
    // As a gleanerd without connections for calls.
    const id = this.accept(requestId, [isCarried(input) ? await input.named() : input]);
    const [task] = this.tasks.get(String(id))!;
    while (waitMs > 0 && task!.end === null) {
      signal?.throwIfAborted();
      await turn();
    }
    return { id: invocationId(id), invocation: null, answer: null };
  };

  streamMap: Client["streamMap"] = async ({ requestId }, open) => {
    const known = this.byRequest.get(requestId);
    if (known !== undefined) return { id: known, tasks: this.tasks.get(String(known))!.length };
    this.refuse();
    const inputs: PayloadText[] = [];
    const reader = new FrameReader();
    for await (const chunk of open()) inputs.push(...reader.take(chunk).map(textIn));
    if (inputs.length === 0) throw new GleanerError("BAD_REQUEST", "the map has no inputs");
    const id = this.accept(requestId, inputs);
    return { id, tasks: inputs.length };
  };

  results: Client["results"] = async (id, { order = "input", after = 0 }, signal) => {
    for (;;) {
      signal?.throwIfAborted();
      const tasks = this.tasks.get(id)!;
      const ended = order === "input" ? this.inOrder(id) : this.endsOf(id);
      const results = ended.slice(Number(after), Number(after) + 1_000);
      const next = Number(after) + results.length;
      const page = results.map((task) => ({ task, ...tasks[task]!.end! }));
      if (page.length > 0) return { results: page, next, isComplete: next === tasks.length };
      await turn();
    }
  };

  private inOrder(id: string): number[] {
    const tasks = this.tasks.get(id)!;
    const open = tasks.findIndex(({ end }) => end === null);
    return [...tasks.keys()].slice(0, open < 0 ? tasks.length : open);
  }

  /** In the order in which they were seen to have ended. */
  private endsOf(id: string): number[] {
    const seen = this.ends.get(id) ?? [];
    const known = new Set(seen);
    for (const [task, { end }] of this.tasks.get(id)!.entries())
      if (end !== null && !known.has(task)) seen.push(task);
    this.ends.set(id, seen);
    return seen;
  }

  outcomes: Client["outcomes"] = async (id, { tasks = "0" }, signal) => {
    const asked = tasks.split(",").flatMap((range) => {
      const [from, to = from] = range.split("-").map(Number) as [number, number?];
      return Array.from({ length: to - from + 1 }, (_, at) => from + at);
    });
    for (;;) {
      signal?.throwIfAborted();
      const outcomes = asked.flatMap((task) => {
        const { end } = this.tasks.get(id)![task]!;
        return end === null ? [] : [{ task, ...end }];
      });
      if (outcomes.length > 0) return { outcomes };
      await turn();
    }
  };

  cancel: Client["cancel"] = async ({ ids = [] }) => {
    this.cancelled.push(...ids);
    return { cancelled: ids.length, problems: [] };
  };

  private accept(requestId: string, inputs: readonly PayloadText[]): number {
    this.before({ inputs });
    const known = this.byRequest.get(requestId);
    if (known !== undefined) return known;
    const id = 1 + this.inputs;
    this.byRequest.set(requestId, id);
    const tasks = inputs.map((input) => ({ input, end: this.answer(input) }));
    this.tasks.set(String(id), tasks);
    return id;
  }
}
