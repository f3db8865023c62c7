// Requests about refused options: clients name those that they refuse, and operators read the
// counts.

import { nowMs } from "../../../clock.js";
import type { RefusalStore } from "../../../core/ports/refusals.js";
import {
  type AdmissionPolicy,
  type AskedSubmission,
  longestMs,
} from "../../../core/submission/admission.js";
import { refusedOptions } from "../../../core/submission/refused-options.js";
import { GleanerError } from "../../../model/errors.js";
import type { Where } from "../../../model/invocation.js";
import type { ResourceRequest } from "../../../model/resources.js";
import type { Caller } from "../server/caller.js";
import type { Handlers } from "../server/register.js";

const dayMs = 86_400_000;
/** The period of the report if none is given. */
const shownMs = 30 * dayMs;

export function refusalHandlers({
  store,
}: {
  readonly store: RefusalStore;
}): Pick<Handlers, "refused" | "adoption"> {
  return {
    refused: async ({ caller, body: { options } }) => {
      await store.saveRefusals(caller.uid, [...new Set(options)], nowMs());
      return { recorded: true };
    },
    adoption: async ({ query }) => {
      const toMs = query.toMs ?? nowMs();
      const fromMs = query.fromMs ?? Math.max(0, toMs - shownMs);
      return { fromMs, toMs, options: await store.listRefusals(fromMs, toMs) };
    },
  };
}

/** Counts what a submission is refused for. */
export async function countingRefusals<Answer>(
  {
    store,
    admission,
    largestNode,
  }: {
    readonly store: RefusalStore;
    readonly admission: AdmissionPolicy;
    readonly largestNode: (where?: Where) => ResourceRequest | null;
  },
  { uid }: Caller,
  asked: AskedSubmission,
  accept: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await accept();
  } catch (thrown) {
    if (thrown instanceof GleanerError && thrown.code === "BAD_REQUEST") {
      const options = refusedOptions(asked, largestNode(asked.where), longestMs(admission));
      if (options.length > 0) await store.saveRefusals(uid, options, nowMs());
    }
    throw thrown;
  }
}
