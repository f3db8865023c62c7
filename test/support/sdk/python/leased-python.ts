// Programs in Python that lease workers of a made-up gleanerd.

import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe } from "@jest/globals";
import { gleanWorld } from "../../glean.js";
import {
  compiledPython,
  type PythonParts,
  purePython,
  python,
} from "../../runtimes/python-runtime.js";
import { type ServedEndpoint, stopServing } from "../../runtimes/serving.js";

export const granted = {
  ...{ state: "ACTIVE", revision: 1, reason: null },
  ...{ expiresInMs: 9_000, timeLimitMs: 60_000 },
};

/** Runs the tests in Python alone and with the compiled part, which it returns. */
export function describePython(leased: LeasedPython, tests: () => void): PythonParts {
  const compiled = compiledPython();
  afterAll(async () => {
    await stopServing();
    rmSync(compiled.folder, { recursive: true });
  });
  describe.each([
    ["in Python alone", purePython],
    ["with the compiled part", compiled],
  ])("%s", (_, parts) => {
    beforeAll(() => {
      leased.parts = parts;
    });
    tests();
  });
  return compiled;
}

export class LeasedPython {
  readonly world = gleanWorld();
  parts: PythonParts = purePython;
  /** The function's, in leases that are granted from now on. */
  timeLimitMs = granted.timeLimitMs;

  /** Returns what the program prints, which is JSON. */
  readonly run = async (program: string, environment: object = {}): Promise<unknown> => {
    const { home, environment: own } = this.world;
    const file = join(home, "program.py");
    writeFileSync(file, program);
    const packages = { PYTHONPATH: this.parts.sdk, PYTHONDONTWRITEBYTECODE: "1" };
    const env = { ...own, ...packages, ...environment };
    const { stdout } = await promisify(execFile)(python, [file], { cwd: home, env });
    return JSON.parse(stdout);
  };

  /** A gleanerd that has granted a lease of these workers. */
  readonly grant = (...served: { readonly endpoint: ServedEndpoint }[]): void => {
    const { answers } = this.world;
    const workers = served.map(({ endpoint }) => endpoint);
    const lease = { id: 9, ...granted, timeLimitMs: this.timeLimitMs, workers };
    answers["POST /v1/leases"] = () => ({ body: lease });
    answers["GET /v1/leases/9"] = () => ({ body: lease });
    answers["POST /v1/leases/9/renew"] = () => ({ body: { expiresInMs: 9_000, revision: 1 } });
    answers["POST /v1/leases/9/end"] = () => ({ body: { state: "ENDED" } });
    answers["POST /v1/calls"] = () => ({ body: { id: 7, invocation: null, answer: null } });
    const payload = { contentType: "application/json", text: '"over gleanerd"' };
    const answer = { kind: "result", payload };
    const outcome = { task: 0, state: "COMPLETED", reason: null, answer };
    answers["GET /v1/invocations/7/outcomes"] = () => ({ body: { outcomes: [outcome] } });
  };
}
