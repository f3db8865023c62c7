// Where a worker listens between two leases: known only as long as it is certain.

import { expect, test } from "@jest/globals";
import { decodeServing, encodeServing } from "../../../src/wire/worker/serving.js";
import { KeptPlace } from "../../../src/workers/serve-frames.js";

const at = { port: 4711, socket: "gleaner-0f" };
const kept = { ...at, keeps: true } as const;

test("is known for the ports that it was told, until it says otherwise or a function runs", () => {
  const place = new KeptPlace();
  place.serves("0", at);
  expect(place.for("0")).toBeNull();
  place.serves("0", kept);
  expect(place.for("0")).toEqual(kept);
  expect(place.for("50000-50100")).toBeNull();
  place.forget();
  expect(place.for("0")).toBeNull();
  place.serves("0", kept);
  place.serves("50000-50100", at);
  expect(place.for("0")).toBeNull();
});

test("is told as a field that workers may omit", () => {
  expect(decodeServing(encodeServing(at))).toEqual(at);
  expect(decodeServing(encodeServing(kept))).toEqual(kept);
});
