// The watchdog program of a cluster: `reaper.ts DIR` outlives the process that started the cluster,
// and then stops the cluster. Its standard input is a pipe from the starter. The end of the pipe
// means that the starter is gone, however it ended; the word "keep" before the end means that the
// cluster shall stay without it.

import { clusterFolder } from "../folder.js";
import { stopCluster } from "./stop.js";

const dir = process.argv[2];
if (dir === undefined) throw new Error("usage: reaper.ts DIR");

process.stdout.on("error", () => {}); // the starter may be gone before it can read this
process.stdout.write("ready\n");
let said = "";
for await (const chunk of process.stdin) said += chunk;
if (said !== "keep\n") await stopCluster(clusterFolder(dir));
