// An option of submissions that were refused, over all users.

export interface RefusedOption {
  /** Its long name, as in `licenses`. */
  readonly option: string;
  readonly times: number;
  readonly users: number;
  /** The start of the day (UTC) on which it was refused last. */
  readonly lastDayMs: number;
}
