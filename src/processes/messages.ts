// The messages between gleanerd and its helper process.

import type { ProgramEnd, ProgramRun } from "./run.js";

export interface Wanted {
  readonly id: number;
  readonly run: ProgramRun;
}

export interface Ended {
  readonly id: number;
  readonly end: ProgramEnd;
}
