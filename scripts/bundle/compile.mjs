// Compiles a program of glean ahead of time: compile.mjs PROGRAM.cjs CACHE WORD... wraps and marks
// the program, unless that was done before, rehearses the command WORD... with a fake daemon, and
// saves what V8 compiled for it. Code that did not run is compiled when first used. A package does
// this when it is installed, because the cache differs with each run and with the release of Node.

import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Script } from "node:vm";
import { Worker } from "node:worker_threads";

const [program, cache, ...words] = process.argv.slice(2);
const text = readFileSync(program);
if (text.some((byte) => byte > 127)) throw new Error(`${program} is not ASCII, see start.cjs`);
const { marked, mark } = markOf(text.toString("latin1"));

/** The wrapped program, and the mark that it ends with. */
function markOf(source) {
  const found = /\}\)\/\/([0-9a-f]{64})$/.exec(source);
  if (found !== null) return { marked: source, mark: found[1] };
  const fresh = createHash("sha256").update(source).digest("hex");
  // As require() would wrap it: this saves a copy of the text at the start.
  const parameters = "exports, require, module, __filename, __dirname";
  const wrapped = `(function (${parameters}) {${source}})//${fresh}`;
  writeFileSync(program, wrapped);
  return { marked: wrapped, mark: fresh };
}

/** Answers a request for a token, a submission and a list. */
const answer = {
  token: "rehearsal",
  validMs: 60_000,
  user: "none",
  operator: false,
  id: 1,
  tasks: 1,
  invocations: [],
};
/** In a thread of its own: a program that asks through glean-ask.node stops this one meanwhile. */
const daemon = new Worker(
  `const { createServer } = require("node:http");
  const { parentPort, workerData } = require("node:worker_threads");
  const server = createServer((_, response) => response.end(workerData));
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
  { eval: true, workerData: JSON.stringify(answer) },
);
daemon.once("message", (port) => {
  daemon.unref();
  rehearse(port);
});

function rehearse(port) {
  const home = mkdtempSync(join(tmpdir(), "gleaner-rehearsal-"));
  const config = join(home, "gleaner.yaml");
  writeFileSync(config, `listen: { apiPort: ${port} }\n`);
  const munge = join(home, "munge");
  writeFileSync(munge, "#!/bin/sh\necho MUNGE:rehearsal:\n");
  chmodSync(munge, 0o755);
  process.env = { PATH: `${home}:/usr/bin:/bin`, HOME: home, GLEANER_CONF: config };
  process.argv = [process.execPath, program, ...words];
  const script = new Script(marked, { filename: program });
  process.once("exit", () => {
    rmSync(home, { recursive: true });
    writeFileSync(cache, Buffer.concat([Buffer.from(mark), script.createCachedData()]));
  });
  const module = { exports: {} };
  const require = createRequire(program);
  script.runInThisContext()(module.exports, require, module, program, dirname(program));
}
