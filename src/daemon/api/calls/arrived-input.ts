// An input over 64 KiB that has arrived with its call, in memory.

import type { Payload } from "../../../model/call.js";
import type { Carried } from "../../carried/carried.js";
import type { Blobs } from "../../functions/blobs.js";

type Carrier = Pick<Blobs, "carry">;

export class ArrivedInput {
  private admitted: Promise<Carried> | null = null;
  private body: Buffer | null;

  /** `giveBack` is called once, when its memory is free. */
  constructor(
    private readonly uid: number,
    readonly contentType: string,
    body: Buffer,
    private readonly giveBack: () => void,
  ) {
    this.body = body;
  }

  /** Resolves once it is admitted as its user's content; rejects if there is no room for it. */
  carried(blobs: Carrier): Promise<Carried> {
    this.admitted ??= this.admit(blobs);
    return this.admitted;
  }

  /** Its call may wait for long: from here on only what is carried holds the body. */
  private admit(blobs: Carrier): Promise<Carried> {
    const { uid, contentType, giveBack } = this;
    const body = this.body!;
    this.body = null;
    return blobs.carry(uid, { contentType, body, resultHash: null }, giveBack);
  }

  async onDisk(blobs: Carrier): Promise<readonly Payload[]> {
    const { payload, keep } = await this.carried(blobs);
    await keep.orFailed();
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
