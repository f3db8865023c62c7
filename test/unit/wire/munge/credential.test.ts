// What a credential for a token says, and that those of other services are refused.

import { expect, test } from "@jest/globals";
import { credentialPayload, readCredentialPayload } from "../../../../src/wire/munge/credential.js";

const claims = { address: "10.0.0.1:6830", instance: "i-1", nonce: "n-1" };
const payload = credentialPayload(claims);

test("a payload is read as it was written", () => {
  expect(readCredentialPayload(payload)).toEqual(claims);
});

test.each([
  ["of another service", payload.replace(/^[^\n]+/, "another-service")],
  ["of an older release", payload.replace("-2\n", "-1\n")],
  ["with a line more", `${payload}\nmore`],
  ["with a line less", payload.slice(0, payload.lastIndexOf("\n"))],
  ["that is empty", ""],
])("a payload %s is refused", (_what, text) => {
  expect(readCredentialPayload(text)).toBeNull();
});
