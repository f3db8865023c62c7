// What has arrived with a call, as whoever keeps it gets it.

import type { ArrivedInput } from "../../../src/daemon/api/calls/arrived-input.js";

/** Takes it, and gives its memory back. */
export async function bodyOf(arrived: ArrivedInput): Promise<[contentType: string, body: Buffer]> {
  let taken = Buffer.alloc(0);
  await arrived.carried({
    carry: async (_uid, { body }, giveBack) => {
      taken = Buffer.from(body);
      giveBack();
      return {} as never;
    },
  });
  return [arrived.contentType, taken];
}
