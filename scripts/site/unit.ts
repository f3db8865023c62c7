// How gleanerd.service starts gleanerd, so that tests and benchmarks start it in the same way.

import { readFileSync } from "node:fs";
import { assert } from "../../src/model/errors.js";

const file = new URL("../../configs/gleanerd.service", import.meta.url);

export interface UnitStart {
  /** Options of node, before the program. */
  readonly nodeOptions: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export function unitStart(): UnitStart {
  const text = readFileSync(file, "utf8");
  const options = /^ExecStart=\S+\/node (.+) \S+\/gleanerd\.cjs$/m.exec(text)?.[1];
  assert(options !== undefined, "the unit starts node with options and gleanerd.cjs");
  const variables = [...text.matchAll(/^Environment=(\w+)=(\S+)$/gm)];
  return {
    nodeOptions: options.split(" "),
    environment: Object.fromEntries(variables.map(([, name, value]) => [name!, value!])),
  };
}
