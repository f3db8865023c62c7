// jest's environment for node with Patience as the time limits of tests and hooks: on a loaded
// machine, slow tests do not fail.

import { TestEnvironment } from "jest-environment-node";
import { afterPatience } from "./patience.mjs";

export default class PatientEnvironment extends TestEnvironment {
  #setTimeout;

  constructor(config, context) {
    super(config, context);
    this.#setTimeout = this.global.setTimeout;
    // jest-circus is loaded next, and keeps this one for its limits; tests get the usual one back.
    this.global.setTimeout = (callback, limitMs) => afterPatience(limitMs, callback);
  }

  handleTestEvent({ name }) {
    if (name === "setup") this.global.setTimeout = this.#setTimeout;
  }
}
