// Reservations, from `scontrol -o show reservation`.

import { expandHostList } from "../core/hostlist.js";
import type { Reservation } from "../model/slurm/snapshot.js";
import { linesOf, noteUnreadable, readCount, readFields, readWord } from "./fields.js";
import { readTimeMs } from "./times.js";

/** What scontrol prints instead of a list. */
const none = "No reservations in the system";
/** The name comes first and may be anything but what follows it. */
const beginning = /^ReservationName=(.{1,256}?) (?=StartTime=)/;

/**
 * All reservations of the output (with times as SLURM_TIME_FORMAT=%s gives them); those of licenses alone have no
 * nodes. A line that cannot be read goes to `unreadable`.
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
