// A process that submits an array of a million tasks and then runs and cancels some until it is
// killed; it prints what was acknowledged.

import { invocationId } from "../../../src/model/ids.js";
import { openStore } from "../../../src/store/sqlite/open.js";
import { sampleAttempt, sampleRequest, sampleResult } from "./samples.js";

const [, , file, workerFile] = process.argv as [string, string, string, string];

async function main(): Promise<void> {
  const store = await openStore(file, workerFile, "5eed".repeat(16));
  const request = sampleRequest("array");
  const arrayTasks = [{ from: 0, to: 999_999, step: 1 }];
  const submission = { ...request.submission, arrayTasks };
  const { id, tasks } = await store.submit({ ...request, submission });
  console.log(`submitted ${id} ${tasks}`);
  for (let at = 0; ; at++) {
    const task = invocationId(id + at * 3);
    await store.beginAttempt(sampleAttempt(task));
    await store.endAttempt(sampleResult(task));
    console.log(`ended ${task}`);
    const other = invocationId(id + 999_999 - at);
    await store.endPending([[other, other]], "CANCELLED", "cancelled", 5_000);
    console.log(`ended ${other}`);
  }
}

void main();
