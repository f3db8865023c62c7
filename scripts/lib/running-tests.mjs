// A jest reporter that keeps the names of the running tests in the file $GLEANER_TEST_RUNNING, as a
// JSON list: whoever has to stop jest finds there what it was doing, even if jest itself can no
// longer report it.

import { writeFileSync } from "node:fs";
import { relative } from "node:path";

export default class RunningTests {
  #file = process.env.GLEANER_TEST_RUNNING;
  #root;
  /**
   * By test file: the running test; null if there is none yet or no more, so that one of the file's
   * hooks runs.
   */
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
