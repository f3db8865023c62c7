// Why a worker can no longer be used, or did not end a call: a code for programs and one sentence.

export type WorkerFailureCode =
  | "GARBAGE" // it sent bytes that are no message
  | "OVERSIZED" // it sent more than a message may have
  | "OUT_OF_TURN" // it sent a message that has no place there
  | "VERSION" // it speaks no version of the protocol that this executor speaks
  | "UNKNOWN_CALL" // it answered a call that it was never sent
  | "ANSWERED_TWICE"
  | "LOG_FLOOD" // it sent more log than its runtime may
  | "USAGE_FLOOD" // it said too often how it serves clients
  | "LATE" // it did not stop serving clients when it was told
  | "LEFT" // it said that it ends
  | "LEFT_LATE" // the same, because of a call that had ended, or while no call was in it
  | "CLOSED" // it closed its connection without a word: its process may have ended
  | "INPUT" // the input of a call ended too early or could not be read
  | "SINK" // the output of a call could not be kept
  | "STOPPED"; // this executor closed the connection

/** Never an error of the executor itself. After all codes but SINK the worker must be killed. */
export class WorkerFailure extends Error {
  override readonly name = "WorkerFailure";
  constructor(
    readonly code: WorkerFailureCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
