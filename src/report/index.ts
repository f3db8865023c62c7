// Exports the reports: utilization, idle time and predictions.

export { renderBillCsv, renderUtilizationCsv } from "./csv.js";
export { renderUtilizationHtml } from "./html.js";
export { idleReport, renderIdleCsv, renderIdleText } from "./idle.js";
export { renderPredictionText } from "./prediction.js";
export {
  renderSimulationHtml,
  type SimulationFact,
  type SimulationFacts,
  type SimulationTable,
} from "./simulation.js";
export { renderUtilizationText } from "./text.js";
