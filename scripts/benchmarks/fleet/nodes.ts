// One process with some hundred nodes of the fleet; receives what gleanerd's launcher gives to each
// executor.

import { checkLaunchSpec } from "../../../src/wire/launch.js";
import { startNode } from "./simulated-node.js";

process.on("message", (spec: string) => startNode(checkLaunchSpec(JSON.parse(spec))));
process.once("disconnect", () => process.exit());
