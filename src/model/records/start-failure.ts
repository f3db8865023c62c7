// A command that could not be started: where that failed, and how its reason is worded.

/**
 * The steps that glean-spawn takes before a command's first instruction, as it reports them
 * (PROTOCOL.md).
 */
export const startStages = [
  "request",
  "start",
  "join",
  "oom-score",
  "schedule",
  "affinity",
  "namespace",
  "user",
  "temporary",
  "checkpoint",
  "chdir",
  "open-stdin",
  "open-stdout",
  "open-stderr",
  "script",
  "exec",
  // A worker has one more stage, before glean-spawn starts it.
  "code",
] as const;

export type StartStage = (typeof startStages)[number];

/** Where a command failed to start. */
export interface StartFailure {
  readonly stage: StartStage;
  /** 0 if there is none. */
  readonly errno: number;
}

/** How the reason ends of what waits for another node since then. */
export const triedElsewhere = "; it will be tried on another node first";
