// Requests to check a bundle before it is deployed: a call that only loads the handler.

import { askedCheck } from "../../core/submission/call.js";
import { admitSettings, type SettingsPolicy } from "../../core/submission/settings.js";
import { GleanerError } from "../../model/errors.js";
import type { FunctionSettings } from "../../model/functions/settings.js";
import { bundleOf, type VersionId } from "../../model/ids.js";
import type { ResourceRequest } from "../../model/resources.js";
import type { Blobs } from "../functions/blobs.js";
import type { BundleChecks } from "../functions/bundles.js";
import { awaited, requireWorkers } from "./calls.js";
import { accept, type InvocationRoutes } from "./invocations.js";
import type { Handlers } from "./server/register.js";

/** What tells the settings of a bundle that its owner has sent. */
export interface BundleRoutes {
  readonly blobs: Pick<Blobs, "openOwn">;
  readonly bundleChecks: BundleChecks;
  readonly admission: SettingsPolicy;
  /** null until gleanerd has read Slurm. */
  readonly largestNode: () => ResourceRequest | null;
}

export interface AdmittedBundle {
  readonly bytes: number;
  readonly settings: FunctionSettings;
}

/** Rejects with NOT_FOUND if the user has not sent it, BAD_REQUEST if no call of it could run. */
export async function admitBundle(
  { blobs, bundleChecks, admission, largestNode }: BundleRoutes,
  uid: number,
  version: VersionId,
): Promise<AdmittedBundle> {
  let bytes = 0;
  const requested = await bundleChecks.settingsOf(uid, async () => {
    const content = await blobs.openOwn(uid, bundleOf(version));
    if (content === null)
      throw new GleanerError(
        "NOT_FOUND",
        `gleanerd does not have your bundle ${version}: send it with PUT /v1/blobs/${version}`,
      );
    bytes = content.bytes;
    return content;
  });
  return { bytes, settings: admitSettings(requested, uid, largestNode(), admission) };
}

export function checkHandlers(
  deps: InvocationRoutes & BundleRoutes,
): Pick<Handlers, "checkFunction"> {
  return {
    checkFunction: async ({ caller, body, request, reply }) => {
      const { requestId, name, bundle: version, waitMs } = body;
      await deps.access.require(caller);
      requireWorkers(deps.admission, "deploy with --check local or none");
      await deps.reserve.require();
      const { uid, user } = caller;
      const admitted = await admitBundle(deps, uid, version);
      const submission = askedCheck({ owner: { uid, user }, name, version, ...admitted });
      const inputs = [{ contentType: "", body: new Uint8Array() }];
      const accepted = await accept(deps, caller, { requestId, submission, inputs });
      request.act = { action: "submit", subject: String(accepted.id), detail: submission.name };
      if (waitMs === 0) return { id: accepted.id, invocation: null, answer: null };
      return awaited(deps, accepted, waitMs, reply);
    },
  };
}
