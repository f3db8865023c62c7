// Checks a function before it is deployed: a worker in a hole loads its handler.

import { GleanerError } from "../../model/errors.js";
import type { VersionId } from "../../model/ids.js";
import { isFinal } from "../../model/invocation.js";
import { type GleanerClient, randomUuid } from "../../sdk/index.js";
import { waitForEnd } from "../wait.js";
import { type Unloadable, unloadable } from "./unloadable.js";

/** Holes are found within seconds where there are any. */
const waitForHoleMs = 30_000;

/**
 * gleanerd has the bundle. Resolves with why it cannot be loaded, or null; rejects with
 * LIMIT_REACHED if no hole was free.
 */
export async function checkInHole(
  client: GleanerClient,
  name: string,
  version: VersionId,
): Promise<Unloadable | null> {
  const asked = { requestId: randomUuid(), name, bundle: version, waitMs: waitForHoleMs };
  const { id, invocation } = await client.functions.check(asked);
  const check = String(id);
  const foundHole = invocation !== null && invocation.state !== "PENDING";
  if (!foundHole) await client.cancel({ ids: [check] });
  if (invocation === null || !isFinal(invocation.state)) await waitForEnd(client, check);
  const [{ answer }, { text }, { invocation: ended }] = await Promise.all([
    client.answer(check),
    client.callLog(check),
    client.detail(check),
  ]);
  if (!foundHole && answer === null) throw noHole(invocation?.reason ?? null);
  const problem = unloadable(answer, ended.reason);
  if (problem !== null) process.stderr.write(text);
  return problem;
}

const noHole = (reason: string | null): GleanerError =>
  new GleanerError(
    "LIMIT_REACHED",
    `no hole could run the check within ${waitForHoleMs / 1_000} s${reason === null ? "" : ` (${reason})`}, so nothing was deployed: check on this machine with --check local, or deploy unchecked with --check none`,
  );
