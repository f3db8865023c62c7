// An input over 64 KiB that has arrived with its call, in memory.

import type { Payload } from "../../../model/call.js";
import type { Carried } from "../../carried/carried.js";
import type { Blobs } from "../../functions/blobs.js";

type Carrier = Pick<Blobs, "carry">;

export class ArrivedInput {
  private admitted: Promise<Carried> | null = null;

  /** `giveBack` its memory. */
  constructor(
    private readonly uid: number,
    readonly contentType: string,
    readonly body: Buffer,
    private readonly giveBack: () => void,
  ) {}

  /** Resolves once it is admitted as its user's content; rejects if there is no room for it. */
  carried(blobs: Carrier): Promise<Carried> {
    const { uid, contentType, body, giveBack } = this;
    this.admitted ??= blobs.carry(uid, { contentType, body, resultHash: null }, giveBack);
    return this.admitted;
  }

  async onDisk(blobs: Carrier): Promise<readonly Payload[]> {
    const { payload, kept } = await this.carried(blobs);
    await kept;
    return [payload];
  }

  /** Its call is over: if nothing was made of it, its memory is free. */
  async dropUnlessCarried(): Promise<void> {
    const isCarried = await this.admitted?.then(
      () => true,
      () => false,
    );
    if (!isCarried) this.giveBack();
  }
}
