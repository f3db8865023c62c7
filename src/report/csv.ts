// Renders CSV (RFC 4180): a bill, and the utilization report with a line for each node and `total`.
// `violatedJobs` lists the job ids of violations; it is `none` without any, or empty if unmeasured.

import type { BillLine } from "../model/records/account.js";
import type { NodeUtilization, Utilization } from "../model/records/utilization.js";

const columns = [
  "node",
  "availableCoreMs",
  "allocatedCoreMs",
  "idleCoreMs",
  "coveredCoreMs",
  "usefulCoreMs",
  "leasedCallsCoreMs",
  "leasedHotCoreMs",
  "leasedHeldCoreMs",
] as const satisfies readonly (keyof NodeUtilization)[];

/** Renders all nodes with exact core-milliseconds and the JSON's names of columns. */
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

const billColumns = [
  "user",
  "uid",
  "attempts",
  "coreMs",
  "heldCoreMs",
  "hotCoreMs",
  "memoryMbMs",
  "amountMicroCredits",
] as const satisfies readonly (keyof BillLine)[];

/** Renders a bill with the JSON's names of columns, a line for each user. */
export const renderBillCsv = (lines: readonly BillLine[]): string =>
  csvLines([billColumns, ...lines.map((line) => billColumns.map((column) => line[column]))]);

/** Joins lines with CR LF. */
export const csvLines = (rows: readonly (readonly (string | number)[])[]): string =>
  rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");

/** Quotes if necessary; an apostrophe keeps spreadsheets from running a name as a formula. */
function field(value: string | number): string {
  if (typeof value === "number") return String(value);
  const inert = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
