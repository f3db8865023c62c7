// Reads reservations from `scontrol -o show reservation`.

import { expandHostList } from "../model/hostlist.js";
import type { Reservation } from "../model/slurm/snapshot.js";
import { linesOf, noteUnreadable, readCount, readFields, readWord } from "./fields.js";
import { readTimeMs } from "./times.js";

/** Printed by scontrol for an empty list. */
const none = "No reservations in the system";
/** The name comes first and may contain anything but the next key. */
const beginning = /^ReservationName=(.{1,256}?) (?=StartTime=)/;

/**
 * Reads all reservations, with the times of SLURM_TIME_FORMAT=%s; those of licenses have no nodes.
 * Invalid lines go to `unreadable`.
 */
export function readReservations(output: Buffer, unreadable: string[]): Reservation[] {
  const reservations: Reservation[] = [];
  for (const line of linesOf(output)) {
    if (line === none) continue;
    const reservation = readReservation(line);
    if (reservation === null) noteUnreadable(unreadable, line);
    else reservations.push(reservation);
  }
  return reservations;
}

function readReservation(line: string): Reservation | null {
  const found = beginning.exec(line);
  if (found === null) return null;
  const fields = readFields(line.slice(found[0].length));
  const startAtMs = readTimeMs(fields.get("StartTime") ?? "");
  const endAtMs = readTimeMs(fields.get("EndTime") ?? "");
  if (startAtMs === null || endAtMs === null) return null;
  try {
    const nodes = expandHostList(readWord(fields.get("Nodes")) ?? "");
    const reservation = { name: found[1]!, nodes, startAtMs, endAtMs };
    const cores = readCount(/(?:^|,)cpu=(\d+)/.exec(fields.get("TRES") ?? "")?.[1]);
    return cores === null ? reservation : { ...reservation, cores };
  } catch {
    return null;
  }
}
