// Holds attempts on nodes without usable cgroups: only by their process groups, which glean-spawn
// watches.

import { GleanerError } from "../../model/errors.js";
import type { Containment } from "./containment.js";
import { polledProcessesOfFunction } from "./process-limit.js";
import { noConfinement } from "./trees/cpu-confinement.js";

export const processGroups: Containment = {
  kind: "processGroup",
  killFile: null,
  openGroup: (_name, { cores }) => ({
    joinFiles: [],
    killFile: null,
    pollMemory: true,
    maxPolledProcesses: polledProcessesOfFunction(cores),
    kill: () => {},
    freeze: () => {
      throw new GleanerError("LAUNCH", "functions cannot be frozen without cgroups");
    },
    isFrozen: false,
    closesGpus: false,
    isEmpty: () => true,
    processes: () => [],
    hanging: () => [],
    remove: () => true,
  }),
  limit: () => {},
  confine: noConfinement.confine,
  killAll: () => false,
  isEmpty: () => false,
  hurry: () => {},
  rehearseMove: async () => {},
  close: async () => {},
};
