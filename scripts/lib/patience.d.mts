export class Patience {
  /** On an idle machine. */
  constructor(limitMs: number);
  /** To be asked again and again: the load at each question stands for the time since the one before. */
  get isOver(): boolean;
}

/** Calls back once patience is over; clearTimeout() takes what it returns. */
export function afterPatience(limitMs: number, callback: () => void): NodeJS.Timeout;
