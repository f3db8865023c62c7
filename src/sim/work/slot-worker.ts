// The worker in a slot, and which of the idle ones takes a call.

/** One slot, which keeps the function that it last ran. */
export interface Worker {
  readonly number: number;
  warmFor: number | null;
}

/** One that is warm for the function, else the oldest. */
export function takeWorker(idle: Worker[], functionIndex: number): Worker {
  const warm = idle.findIndex(({ warmFor }) => warmFor === functionIndex);
  return idle.splice(Math.max(0, warm), 1)[0]!;
}
