// Calls and leases that are not on record: their clients have the inputs and wait for the answers,
// so a call is recorded with its end, or before if somebody asks about it.

import { pause } from "../../clock.js";
import type { CallRecord, NewInvocations } from "../../core/ports/store.js";
import { taskCountOf } from "../../core/submission/new-tasks.js";
import { type CallAnswer, maxOrderedBytes, type Payload } from "../../model/call.js";
import { type InvocationId, invocationId } from "../../model/ids.js";
import type { Invocation, Submission } from "../../model/invocation.js";
import type { Carried } from "../carried/carried.js";
import type { Keep } from "../carried/keeping.js";

/** Their clients have the answers; only their executors wait. */
const gatherMs = 10;

export interface UnrecordedEnd {
  readonly invocation: Invocation;
  readonly answer: CallAnswer | null;
  /** The result, if it is not on disk yet. */
  readonly content: Carried | null;
}

/** One call, or the workers of a lease. */
export class UnrecordedCall {
  readonly attempts: CallRecord["attempts"][number][] = [];
  /** The write that puts it on record, while it is in progress. */
  recording: Promise<void> | null = null;
  /** The contents that its record names: they must be on disk before it. */
  readonly contents: Keep[] = [];
  /** By invocation: ends, which clients may know before they are on record. */
  readonly ends = new Map<InvocationId, UnrecordedEnd>();

  constructor(
    readonly id: InvocationId,
    readonly request: NewInvocations,
    /** The input, if it came with the call. */
    readonly input: Carried | null = null,
  ) {
    if (input !== null) this.contents.push(input.keep);
  }

  /** Ends one of its invocations. */
  end(id: InvocationId, end: UnrecordedEnd): void {
    if (end.content !== null) this.contents.push(end.content.keep);
    this.ends.set(id, end);
  }

  get uid(): number {
    return this.request.owner.uid;
  }

  get ids(): InvocationId[] {
    const count = taskCountOf(this.request.submission);
    return Array.from({ length: count }, (_, at) => invocationId(this.id + at));
  }

  /** As its record names it. */
  get namedInput(): Payload | null {
    return this.request.inputs?.[0] ?? null;
  }

  /** All that an order needs. A large input goes with it if its node `isReading`. */
  documents(isReading: boolean): { submission: Submission; input: Payload | null } {
    const { namedInput } = this;
    const { submission } = this.request;
    const body = (isReading && this.input?.body) || null;
    if (namedInput === null || body === null || body.length > maxOrderedBytes)
      return { submission, input: namedInput };
    return { submission, input: { contentType: namedInput.contentType, body } };
  }
}

export class UnrecordedCalls implements Iterable<UnrecordedCall> {
  private gathering: Promise<void> | null = null;
  /** By each of their ids. */
  private readonly byId = new Map<InvocationId, UnrecordedCall>();
  /** Also requests that are being admitted. */
  private readonly byRequest = new Map<string, Promise<UnrecordedCall | null>>();

  get size(): number {
    return this.byId.size;
  }

  /** `make` adds the call of a request, or resolves with null: then it is not one of these. */
  begin(
    uid: number,
    requestId: string,
    make: () => Promise<UnrecordedCall | null>,
  ): Promise<UnrecordedCall | null> {
    const name = nameOf(uid, requestId);
    const forget = () => this.byRequest.delete(name);
    const begun = make().then(
      (call) => {
        if (call === null) forget();
        return call;
      },
      (thrown) => {
        forget();
        throw thrown;
      },
    );
    this.byRequest.set(name, begun);
    return begun;
  }

  add(call: UnrecordedCall): void {
    for (const id of call.ids) this.byId.set(id, call);
  }

  get(id: InvocationId): UnrecordedCall | undefined {
    return this.byId.get(id);
  }

  /** The call that a user's request has begun, if any. */
  madeBy(uid: number, requestId: string): Promise<UnrecordedCall | null> | undefined {
    return this.byRequest.get(nameOf(uid, requestId));
  }

  /** Resolves for all calls that end within a moment: the disk, and who calls next, wait once. */
  gathered(): Promise<void> {
    this.gathering ??= pause(gatherMs).then(() => {
      this.gathering = null;
    });
    return this.gathering;
  }

  remove(call: UnrecordedCall): void {
    for (const id of call.ids) this.byId.delete(id);
    this.byRequest.delete(nameOf(call.uid, call.request.requestId));
  }

  [Symbol.iterator](): Iterator<UnrecordedCall> {
    return new Set(this.byId.values()).values();
  }
}

const nameOf = (uid: number, requestId: string): string => `${uid}/${requestId}`;
