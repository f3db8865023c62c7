// Inputs and results that are read piece by piece: what comes twice, and what is not as it was
// asked for.

import { expect, test } from "@jest/globals";
import { invocationId } from "../../../src/model/ids.js";
import { maxPieceBytes } from "../../../src/wire/call-checks.js";
import type { WantedPiece } from "../../../src/wire/calls.js";
import { PieceRequests } from "../../../src/wire/piece-requests.js";

const key = { invocation: invocationId(7), attempt: 1 };
const bytes = maxPieceBytes + 10;

function reading() {
  const requests = new PieceRequests(null);
  const asked: WantedPiece[] = [];
  const pieces = requests.read(key, bytes, (wanted) => asked.push(wanted));
  const arrives = (offset: number, length: number) =>
    requests.arrived({ type: "piece", key, offset, bytes: new Uint8Array(length) });
  return { requests, asked, pieces, arrives };
}

test("a piece that was asked for on two connections may come twice", async () => {
  const { requests, asked, pieces, arrives } = reading();
  const first = pieces.next();
  requests.repeat();
  expect(asked.map(({ offset }) => offset)).toEqual([0, maxPieceBytes, 0, maxPieceBytes]);
  arrives(0, maxPieceBytes);
  arrives(0, maxPieceBytes);
  expect((await first).value).toHaveLength(maxPieceBytes);
  arrives(0, maxPieceBytes);
  arrives(maxPieceBytes, 10);
  expect((await pieces.next()).value).toHaveLength(10);
  expect((await pieces.next()).done).toBe(true);
});

test("a piece of another size than was asked for ends the reading", async () => {
  const { pieces, arrives } = reading();
  const first = pieces.next();
  arrives(0, maxPieceBytes - 1);
  await expect(first).rejects.toMatchObject({
    code: "PROTOCOL",
    message: `a piece from 0 on has ${maxPieceBytes - 1} bytes, not ${maxPieceBytes}`,
  });
});
