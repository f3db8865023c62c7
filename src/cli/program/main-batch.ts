// The program that `glean batch` starts: a third of glean's size, so it is loaded sooner.

import { batch } from "./commands.js";
import { start } from "./start.js";

start([batch]);
