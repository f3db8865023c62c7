// Before each test file: a regular expression equals no text, also in toMatchObject(), where a
// pattern has to be expect.stringMatching(). It has no properties of its own, so jest would take it
// for a part of any text, and such an expectation would always hold.

import { expect } from "@jest/globals";

expect.addEqualityTesters([
  (received, expected) =>
    expected instanceof RegExp && typeof received === "string" ? false : undefined,
]);
