// The doctor's check of the database: whether it accepts writes, and whether there is space for
// more.

import { nowMs } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import { messageOf } from "../../model/errors.js";
import { nodeName } from "../../model/ids.js";
import type { DoctorCheck } from "../../wire/api/types.js";
import type { DiskReserve } from "./disk-reserve.js";

/** No node can have this name: writing and removing its row changes nothing. */
const noNode = nodeName("-doctor-");

export async function checkStore({
  store,
  reserve,
}: {
  readonly store: Pick<Store, "setDrained">;
  readonly reserve: Pick<DiskReserve, "problem">;
}): Promise<DoctorCheck> {
  const name = "store";
  try {
    await store.setDrained(noNode, { by: "doctor", now: false }, nowMs());
    await store.setDrained(noNode, null, nowMs());
    const problem = await reserve.problem();
    return problem === null
      ? { name, status: "ok", detail: "a write was durable" }
      : { name, status: "warning", detail: `submissions are refused: ${problem}` };
  } catch (thrown) {
    return { name, status: "failed", detail: messageOf(thrown) };
  }
}
