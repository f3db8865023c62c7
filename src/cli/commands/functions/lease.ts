// `glean lease`: workers of a function that programs call directly.

import type { Define } from "../../context.js";
import { defineLeaseBench } from "./lease-bench.js";
import { defineLeaseHold } from "./lease-hold.js";
import { defineLeaseParts } from "./lease-parts.js";

export const define: Define = (command, run) => {
  defineLeaseParts(command, run);
  defineLeaseHold(command, run);
  defineLeaseBench(command, run);
};
