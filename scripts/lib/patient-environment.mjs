// jest's environment for node with its time limits for tests and hooks in Patience: a loaded machine is slow, and nothing hangs.

import { TestEnvironment } from "jest-environment-node";
import { afterPatience } from "./patience.mjs";

export default class PatientEnvironment extends TestEnvironment {
  #setTimeout;

  constructor(config, context) {
    super(config, context);
    this.#setTimeout = this.global.setTimeout;
    // jest-circus is loaded next, and keeps what it finds here for its limits; tests get the usual one back.
    this.global.setTimeout = (callback, limitMs) => afterPatience(limitMs, callback);
  }

  handleTestEvent({ name }) {
    if (name === "setup") this.global.setTimeout = this.#setTimeout;
  }
}
