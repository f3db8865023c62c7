// Exports the simulator: readers of traces, demand, costs, policies, and the replay.

export { type Costs, measuredCosts } from "./costs.js";
export { type FunctionReplay, replayFunctions } from "./functions/replay.js";
export { readFunctionTrace } from "./functions/trace.js";
export { readHoleLog } from "./inputs/holes.js";
export { readInvocations } from "./inputs/invocations.js";
export type { MachineWish } from "./inputs/jobs/logged-job.js";
export { readSacct } from "./inputs/jobs/sacct.js";
export { readSwf } from "./inputs/jobs/swf.js";
export { linesOf } from "./inputs/lines.js";
export { equalMachines, type Machines, maxNodes, readMachines } from "./inputs/machines.js";
export { noOutages, outagesOf, readOutages, withOutages } from "./inputs/outages.js";
export { readTimeMs } from "./inputs/times.js";
export type { WindowWish } from "./inputs/window.js";
export { type Policy, policies, policyNamed } from "./policies.js";
export { seeded } from "./random.js";
export { type Estimate, estimateOf, sampleDays, sampleNodes } from "./sample.js";
export { type Simulated, type SimulationResult, simulate } from "./simulate.js";
export type { Trace } from "./site/trace.js";
export type { ReplayNews, ReplayOrder } from "./thread.js";
export type { Arrivals, Demand, Durations } from "./work/demand.js";
