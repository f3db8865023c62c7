// Vouchers: an executor keeps the terms of a call that is not on record, sealed, and shows them
// with its end to a gleanerd that restarted meanwhile, which then records and bills it.

import { timingSafeEqual } from "node:crypto";
import type { NewInvocations } from "../../core/ports/store.js";
import type { Attempt } from "../../model/invocation.js";
import { pack, unpack } from "../../wire/packing.js";
import type { UnrecordedCall } from "../state/unrecorded.js";

const sealBytes = 32;

/**
 * The attempt with its call's terms, less the input: that is with the client. Those of a worker
 * are of a lease that has no other.
 */
export interface Voucher {
  readonly request: NewInvocations;
  readonly attempt: Attempt;
}

export class Vouchers {
  /** `seal` makes a seal of 32 bytes that nobody else can make. */
  constructor(private readonly seal: (body: Uint8Array) => Buffer) {}

  write({ id, request }: UnrecordedCall, attempt: Attempt): Uint8Array {
    const { arrayTasks } = request.submission;
    const only = arrayTasks === null ? null : [attempt.invocation - id];
    const submission = { ...request.submission, arrayTasks: only };
    const terms = { ...request, submission, inputs: [] };
    const body = pack({ request: terms, attempt } satisfies Voucher);
    return Buffer.concat([this.seal(body), body]);
  }

  /** null unless a gleanerd with our key wrote it. */
  read(voucher: Uint8Array): Voucher | null {
    const body = voucher.subarray(sealBytes);
    const seal = voucher.subarray(0, sealBytes);
    if (seal.length !== sealBytes || !timingSafeEqual(seal, this.seal(body))) return null;
    return unpack(body) as Voucher;
  }
}
