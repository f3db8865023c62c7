// Tells who reads the logs that a worker gave an answer that nobody waits for: the handler wrote to
// its worker's connection, and the first answer, which counts, may be forged.

import type { WorkerFailure, WorkerFailureCode } from "../../../workers/worker-failure.js";

const told: ReadonlySet<WorkerFailureCode> = new Set(["ANSWERED_TWICE", "UNKNOWN_CALL"]);

/** One sentence for each worker, to the node's log and to the log of a call that is still in it. */
export function breachTeller(
  functionName: string,
  explain: (why: string) => void,
  print: (bytes: Buffer) => void,
): (failure: WorkerFailure) => void {
  let wasTold = false;
  return ({ code, message }) => {
    if (wasTold || !told.has(code)) return;
    wasTold = true;
    const why = `a worker of ${functionName} gets no other call, because ${message}`;
    explain(why);
    print(Buffer.from(`[glean: ${why}]\n`));
  };
}
