// The program that starts other programs for gleanerd (runner.ts), as its child and as small as a
// process of Node can be.

import type { Ended, Wanted } from "./messages.js";
import { runAsChild } from "./run.js";

// A service manager and Ctrl-C send them to all processes of gleanerd, which still wants to run
// programs while it stops. This process ends with gleanerd.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
process.once("disconnect", () => process.exit(0));
process.on("message", async ({ id, run }: Wanted) => {
  const ended: Ended = { id, end: await runAsChild(run) };
  if (process.connected) process.send!(ended);
});
