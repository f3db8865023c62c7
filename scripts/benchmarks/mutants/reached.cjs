// Loaded into every node process that a test starts while coverage is measured: saves at intervals
// which mutants the process has reached, because it may be killed.

const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { threadId } = require("node:worker_threads");

const folder = process.env.GLEANER_MUTANTS_REACHED;
const intervalMs = 200;
const file = join(folder ?? "", `child-${process.pid}-${threadId}-${process.hrtime.bigint()}.json`);
let written = 0;

function keep() {
  const coverage = globalThis.__stryker__?.mutantCoverage;
  const ids = Object.keys(coverage?.static ?? {});
  if (ids.length === written) return;
  written = ids.length;
  try {
    writeFileSync(file, JSON.stringify(ids));
  } catch {
    // a process of another user may not write there
  }
}

if (folder !== undefined) {
  setInterval(keep, intervalMs).unref();
  process.on("exit", keep);
}
