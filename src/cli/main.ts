// The program glean, with all commands.

import { entries } from "./program/commands.js";
import { start } from "./program/start.js";

start(entries);
