// Why a function that was checked cannot be loaded, in the words of its runtime.

import { type RemoteError, titleOf } from "../../model/call.js";

export interface Unloadable {
  readonly sentence: string;
  /** Frames of the user's code; null if there are none. */
  readonly stack: string | null;
}

/** null if the check loaded the handler. */
export function unloadable(
  answer: { readonly kind: string; readonly error?: RemoteError } | null,
  reason: string | null,
): Unloadable | null {
  if (answer?.kind === "result") return null;
  const { error } = answer ?? {};
  if (error === undefined) return { sentence: reason ?? "its worker ended", stack: null };
  return { sentence: titleOf(error), stack: error.stack };
}
