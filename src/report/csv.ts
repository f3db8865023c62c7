// CSV (RFC 4180); and the utilization report in it: a line for each node and a last one, `total`, columns named as in the JSON.
// `violatedJobs` has the ids of the JSON's violations, parted by blanks; it is empty where nothing was measured, else `none`.

import type { NodeUtilization, Utilization } from "../model/records/utilization.js";

const columns = [
  "node",
  "availableCoreMs",
  "allocatedCoreMs",
  "idleCoreMs",
  "coveredCoreMs",
  "usefulCoreMs",
] as const satisfies readonly (keyof NodeUtilization)[];

/** All nodes, exact core-milliseconds, lines ended by CR LF. */
export function renderUtilizationCsv(u: Utilization): string {
  const violatedJobs = (node: string | null): string => {
    if (u.violations === null) return "";
    const here = u.violations.filter((each) => node === null || each.node === node);
    return here.length === 0 ? "none" : here.map(({ jobId }) => jobId).join(" ");
  };
  const rowOf = (row: NodeUtilization | (Utilization & { node: string }), node: string | null) => [
    ...columns.map((column) => row[column]),
    violatedJobs(node),
  ];
  const rows = u.perNode.map((row) => rowOf(row, row.node));
  return csvLines([[...columns, "violatedJobs"], ...rows, rowOf({ ...u, node: "total" }, null)]);
}

/** Lines ended by CR LF. */
export const csvLines = (rows: readonly (readonly (string | number)[])[]): string =>
  rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");

/** Quoted where it must be; a spreadsheet would run a name that begins like a formula, so an apostrophe goes before it. */
function field(value: string | number): string {
  if (typeof value === "number") return String(value);
  const inert = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
