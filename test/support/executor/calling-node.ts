// A node with its executor for each test of the calling file, which calls functions on it; after
// the test nothing of it may be left.

import { afterAll, afterEach, beforeAll, beforeEach, expect, jest } from "@jest/globals";
import { isStored } from "../../../src/model/call.js";
import { invocationId } from "../../../src/model/ids.js";
import type { WorkerSettings } from "../../../src/wire/calls.js";
import type { LaunchSpec } from "../../../src/wire/launch.js";
import type { AttemptReport, CallAttemptOrder } from "../../../src/wire/messages.js";
import { type FakeDaemon, Programs, TestNode } from "./executor.js";
import { callOrder, codeOf, type FunctionCode, handOut } from "./function-code.js";

const patienceMs = 120_000;

/** What differs from a usual call. */
export type CallChange = Parameters<typeof callOrder>[2];

/** `addTo` puts more into the folder of the executor's programs. */
export function callingNode(
  change: Partial<LaunchSpec> = {},
  addTo: (folder: string) => Promise<void> = async () => {},
): CallingNode {
  jest.setTimeout(patienceMs);
  const programs = new Programs();
  const calling = new CallingNode();
  beforeAll(async () => {
    await programs.make();
    await addTo(programs.folder);
  }, patienceMs);
  afterAll(() => programs.remove());
  beforeEach(async () => {
    calling.node = await TestNode.make(programs, change);
    await calling.node.start();
  });
  afterEach(async () => {
    expect(await calling.node.remove()).toEqual([]);
  });
  return calling;
}

export class CallingNode {
  /** That of the present test. */
  node!: TestNode;
  private next = 1;

  get daemon(): FakeDaemon {
    return this.node.daemon;
  }

  /** A function that gleanerd hands out once. */
  async function(
    files: Readonly<Record<string, string | Uint8Array>>,
    settings: Partial<WorkerSettings> = {},
  ): Promise<FunctionCode> {
    const code = await codeOf(files, settings);
    void handOut(this.daemon, code);
    return code;
  }

  /** A call that was not made before. */
  order(code: FunctionCode, input: unknown = null, change: CallChange = {}): CallAttemptOrder {
    return callOrder(code, input, { invocation: invocationId(this.next++), ...change });
  }

  async call(
    code: FunctionCode,
    input: unknown = null,
    change: CallChange = {},
  ): Promise<AttemptReport> {
    return await this.node.finish(this.order(code, input, change));
  }
}

/** What a call returned; throws if it returned nothing. */
export function resultOf({ answer }: AttemptReport): unknown {
  if (answer?.kind !== "result") throw new Error(`no result: ${JSON.stringify(answer)}`);
  if (isStored(answer.payload)) throw new Error(`a result of ${answer.payload.bytes} bytes`);
  const { contentType, body } = answer.payload;
  const text = Buffer.from(body).toString();
  return contentType.startsWith("text/plain") ? text : JSON.parse(text);
}

/** What it printed. */
export const logOf = ({ log }: AttemptReport): string => Buffer.from(log ?? []).toString();
