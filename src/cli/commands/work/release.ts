// `glean release`: lets what is held start.

import { changesHold } from "./hold.js";

export const define = changesHold(false);
