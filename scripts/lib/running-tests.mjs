// A reporter of jest's that keeps the names of the tests that run in the file $GLEANER_TEST_RUNNING, a JSON list: whoever has to
// stop jest reads there what it was at, also when jest itself does not get to say anything any more.

import { writeFileSync } from "node:fs";
import { relative } from "node:path";

export default class RunningTests {
  #file = process.env.GLEANER_TEST_RUNNING;
  #root;
  /** By test file: the test that runs; null: none yet or no more, so one of the file's hooks does. */
  #running = new Map();

  constructor({ rootDir }) {
    this.#root = rootDir;
  }

  onTestFileStart({ path }) {
    this.#set(path, null);
  }

  onTestCaseStart({ path }, { fullName }) {
    this.#set(path, fullName);
  }

  onTestCaseResult({ path }) {
    this.#set(path, null);
  }

  onTestFileResult({ path }) {
    this.#running.delete(path);
    this.#write();
  }

  #set(path, test) {
    this.#running.set(path, test);
    this.#write();
  }

  #write() {
    if (this.#file === undefined) return;
    const names = [...this.#running].map(
      ([path, test]) => `${relative(this.#root, path)} › ${test ?? "before or after a test"}`,
    );
    writeFileSync(this.#file, JSON.stringify(names));
  }
}
