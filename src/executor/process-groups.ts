// What holds attempts where a node has no usable cgroups: nothing but their process groups, which glean-spawn watches.

import { GleanerError } from "../model/errors.js";
import type { Containment } from "./containment.js";
import { noConfinement } from "./cpu-confinement.js";
import { processesFor } from "./process-limit.js";

/** glean-spawn looks at no more (slurm-plugin/PROTOCOL.md). */
const maxPolledProcesses = 16_383;

export const processGroups: Containment = {
  kind: "processGroup",
  killFile: null,
  openGroup: (_name, { cores }) => ({
    joinFiles: [],
    killFile: null,
    pollMemory: true,
    maxPolledProcesses: polledProcessesFor(cores),
    kill: () => {},
    freeze: () => {
      throw new GleanerError("LAUNCH", "without cgroups nothing can be made to stand still");
    },
    isFrozen: false,
    closesGpus: false,
    isEmpty: () => true,
    remove: () => true,
  }),
  limit: () => {},
  confine: noConfinement.confine,
  killAll: () => false,
  isEmpty: () => false,
  hurry: () => {},
  close: () => {},
};

export const polledProcessesFor = (cores: number): number =>
  Math.min(processesFor(cores), maxPolledProcesses);
