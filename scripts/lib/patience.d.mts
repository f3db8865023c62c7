export class Patience {
  /** On an idle machine. */
  constructor(limitMs: number);
  /** To be called repeatedly: the load at each call represents the time since the previous one. */
  get isOver(): boolean;
}

/** Calls back once patience is over; clearTimeout() takes what it returns. */
export function afterPatience(limitMs: number, callback: () => void): NodeJS.Timeout;
