// Reading reservations, from real output and from hostile lines.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { readReservations } from "../../../src/slurm/reservations.js";

const recorded = (version: string) =>
  readFileSync(new URL(`recorded/${version}/reservations.txt`, import.meta.url));

describe("readReservations", () => {
  test.each([
    ["22.05", 1_795_446_266_000],
    ["24.11", 1_795_454_590_000],
    ["26.05", 1_795_824_022_000],
  ])("reads real output of %s", (version, startAtMs) => {
    const unreadable: string[] = [];
    const found = readReservations(recorded(version), unreadable);
    expect(unreadable).toEqual([]);
    expect(found.map(({ name, nodes }) => [name, nodes])).toEqual([
      ["maint_jan", ["n1", "n2"]],
      ["open", ["n3"]],
      ["part", ["n4"]],
    ]);
    expect(found.map(({ cores }) => cores)).toEqual([32, 16, 2]);
    expect(found[0]).toMatchObject({ startAtMs, endAtMs: startAtMs + 3_600_000 });
  });

  test("reads no reservation, and one without nodes", () => {
    const unreadable: string[] = [];
    expect(readReservations(Buffer.from("No reservations in the system\n"), unreadable)).toEqual(
      [],
    );
    const line =
      "ReservationName=lic StartTime=10 EndTime=20 Duration=00:00:10 Nodes=(null) NodeCnt=0\n";
    expect(readReservations(Buffer.from(line), unreadable)).toEqual([
      { name: "lic", nodes: [], startAtMs: 10_000, endAtMs: 20_000 },
    ]);
    expect(unreadable).toEqual([]);
  });

  test("never takes a comment for a field", () => {
    const line =
      "ReservationName=a StartTime=10 EndTime=20 Nodes=n1 Users=root Comment=x Nodes=n[1-9] StartTime=99\n";
    expect(readReservations(Buffer.from(line), [])).toEqual([
      { name: "a", nodes: ["n1"], startAtMs: 10_000, endAtMs: 20_000 },
    ]);
  });

  test("notes unreadable lines", () => {
    const unreadable: string[] = [];
    const lines = [
      "nonsense",
      "ReservationName=a StartTime=soon EndTime=20 Nodes=n1",
      "ReservationName=b StartTime=10 EndTime=20 Nodes=n[1-999999999]",
    ];
    expect(readReservations(Buffer.from(lines.join("\n")), unreadable)).toEqual([]);
    expect(unreadable).toEqual(lines);
  });
});
