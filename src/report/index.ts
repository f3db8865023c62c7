// What the report folder offers: one utilization report as text, CSV or a self-contained HTML page.

export { renderUtilizationCsv } from "./csv.js";
export { renderUtilizationHtml } from "./html.js";
export { renderUtilizationText } from "./text.js";
