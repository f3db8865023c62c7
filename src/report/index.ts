// What the report folder offers: the utilization as text, CSV or a self-contained HTML page, and the predictions as text.

export { renderUtilizationCsv } from "./csv.js";
export { renderUtilizationHtml } from "./html.js";
export { renderPredictionText } from "./prediction.js";
export { renderUtilizationText } from "./text.js";
