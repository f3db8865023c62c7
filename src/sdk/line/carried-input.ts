// An input that may travel with its call.

import type { PayloadText } from "../../wire/api/types.js";

export interface CarriedInput {
  readonly contentType: string;
  readonly body: Uint8Array;
  /** Sends it before the call; resolves with what names it. */
  readonly named: () => Promise<PayloadText>;
}

export const isCarried = (input: PayloadText | CarriedInput): input is CarriedInput =>
  "named" in input;
