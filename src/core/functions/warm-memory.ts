// The memory that one user may have kept warm (min-warm), over all functions.

import type { FunctionSettings } from "../../model/functions/settings.js";

type Sized = Pick<FunctionSettings, "minWarm" | "memoryMb">;

export const warmMb = ({ minWarm, memoryMb }: Sized): number => minWarm * memoryMb;

/** The functions with which their users stay within the limit; of each user, the first ones. */
export function withinWarmLimit<
  Function extends { readonly owner: { readonly uid: number }; readonly settings: Sized },
>(functions: readonly Function[], limitMb: number): Function[] {
  const usedMb = new Map<number, number>();
  return functions.filter(({ owner: { uid }, settings }) => {
    const withMb = (usedMb.get(uid) ?? 0) + warmMb(settings);
    if (withMb > limitMb) return false;
    usedMb.set(uid, withMb);
    return true;
  });
}
