// What is said of work on a node to which gleanerd has no connection.

import { expect, test } from "@jest/globals";
import { explainNoLink } from "../../../../src/core/explain/state.js";

test.each([
  [null, /^gleanerd has no connection to n1: it may still run there/],
  [
    10_000,
    /: a leased worker there ends by itself 10 s after the last renewal .*, and is billed until its end$/,
  ],
])("with a lease of %s ms", (leaseTtlMs, sentence) => {
  expect(explainNoLink("n1", leaseTtlMs)).toMatch(sentence);
});
