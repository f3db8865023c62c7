// jest's environment in the sandbox: reports which file it runs and what failed first, skips
// everything after that, and records which mutants a file's tests reach.

import { randomUUID } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import PatientEnvironment from "../../lib/patient-environment.mjs";

const { GLEANER_MUTANTS_NEWS: news, GLEANER_MUTANTS_REACHED: reachedFolder } = process.env;

const tell = (what, path, test) =>
  appendFileSync(news, `${JSON.stringify({ what, path, test })}\n`);

export default class MutantEnvironment extends PatientEnvironment {
  #path;
  #hasFailed = false;

  constructor(config, context) {
    super(config, context);
    this.#path = context.testPath;
    tell("begin", this.#path);
  }

  async handleTestEvent(event, state) {
    super.handleTestEvent(event, state);
    if (event.name === "test_start" && this.#hasFailed) event.test.mode = "skip";
    const hasFailed =
      (event.name === "test_done" && event.test.errors.length > 0) ||
      (event.name === "hook_failure" && event.hook.type.endsWith("All"));
    if (hasFailed && !this.#hasFailed) {
      this.#hasFailed = true;
      tell("failed", this.#path, event.test?.name ?? "a hook");
    }
  }

  async teardown() {
    const coverage = this.global.__stryker__?.mutantCoverage;
    if (reachedFolder !== undefined && coverage !== undefined) {
      const ids = [coverage.static, ...Object.values(coverage.perTest)].flatMap(Object.keys);
      writeFileSync(join(reachedFolder, `${randomUUID()}.json`), JSON.stringify(ids));
    }
    tell("end", this.#path);
    await super.teardown();
  }
}
