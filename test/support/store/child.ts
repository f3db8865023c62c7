// A process that writes to a store as fast as it can and prints what was acknowledged, until it is
// killed.

import type { Store } from "../../../src/core/ports/store.js";
import { messageOf } from "../../../src/model/errors.js";
import { openStore } from "../../../src/store/sqlite/open.js";
import { sampleAttempt, sampleRequest, sampleResult } from "./samples.js";

/** How many requests share a commit. */
const width = 5;

const [, , file, workerFile, prefix] = process.argv as [string, string, string, string, string];
/**
 * One line for each write, once it is acknowledged: `submitted REQUEST ID`, `ended ID`, `failed
 * REQUEST WHY`.
 */
async function runOne(store: Store, requestId: string): Promise<boolean> {
  try {
    const { id } = await store.submit(sampleRequest(requestId));
    console.log(`submitted ${requestId} ${id}`);
    await store.beginAttempt(sampleAttempt(id));
    await store.endAttempt(sampleResult(id));
    console.log(`ended ${id}`);
    return true;
  } catch (error) {
    console.log(`failed ${requestId} ${messageOf(error)}`);
    return false;
  }
}

async function main(): Promise<void> {
  const store = await openStore(file, workerFile, "5eed".repeat(16));
  for (let round = 0, going = true; going; round++) {
    const requests = Array.from({ length: width }, (_, index) => `${prefix}-${round}-${index}`);
    going = (await Promise.all(requests.map((each) => runOne(store, each)))).every((done) => done);
  }
  process.exit(0);
}

void main();
