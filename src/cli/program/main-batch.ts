// The program that `glean batch` starts: a third of glean's size, so it is loaded sooner, and
// without node's sockets.

import { loadAsk } from "../ask/ask.js";
import { batch } from "./commands.js";
import { start } from "./start.js";

start([batch], loadAsk(__dirname));
