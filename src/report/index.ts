// What the report folder offers: the utilization as text, CSV or a self-contained HTML page, where idle time went, and the predictions as text.

export { renderUtilizationCsv } from "./csv.js";
export { renderUtilizationHtml } from "./html.js";
export { idleReport, renderIdleCsv, renderIdleText } from "./idle.js";
export { renderPredictionText } from "./prediction.js";
export { renderUtilizationText } from "./text.js";
