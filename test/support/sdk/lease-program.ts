// A program of a user that leases two workers of the function "same" with the npm package and keeps
// calls in flight.

import {
  type ChildProcess,
  type ChildProcessByStdio,
  execFileSync,
  spawn,
} from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { makePackage } from "../../../scripts/bundle/package.mjs";
import type { Site } from "../../../scripts/site/site.js";

/** Its calls up to now; every one that was begun before is among them at the end. */
export interface Tally {
  readonly calls: number;
  /** Results of other calls. */
  readonly wrong: number;
  /** How many ended with each error code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** WORKER@NODE of each worker. */
  readonly workers: readonly string[];
}

/** Says what it leased, then its tally after each line of its standard input and at the end. */
const source = `
import { createInterface } from "node:readline";
import { connect } from "./sdk/index.js";
const lease = await (await connect()).lease({
  ...{ function: "same", workers: 2, atLeast: 2, waitMs: 60_000 },
  ...JSON.parse(process.argv[2]),
});
const workers = () => lease.workers.map(({ worker, node }) => worker + "@" + node);
const tally = { calls: 0, wrong: 0, errors: {}, slowestMs: 0 };
console.log(JSON.stringify({ id: lease.id, workers: workers(), pid: process.pid }));
let isOver = false;
let last = 0;
async function caller() {
  while (!isOver) {
    const input = ++last;
    const begunMs = performance.now();
    const code = await lease.invoke(input, { timeLimitMs: 30_000 }).then(
      (result) => { if (result !== input) tally.wrong++; },
      (error) => error.code ?? String(error),
    );
    tally.calls++;
    tally.slowestMs = Math.max(tally.slowestMs, performance.now() - begunMs);
    if (code === undefined) continue;
    tally.errors[code] = (tally.errors[code] ?? 0) + 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const callers = Array.from({ length: 8 }, caller);
const say = () => console.log(JSON.stringify({ ...tally, workers: workers() }));
for await (const _ of createInterface({ input: process.stdin })) say();
isOver = true;
await Promise.all(callers);
say();
await lease.end();
`;

export class LeasePrograms {
  private readonly children: ChildProcess[] = [];

  private constructor(
    private readonly site: Site,
    private readonly folder: string,
  ) {}

  /** The package and the program in a folder that users may read. */
  static async install(site: Site): Promise<LeasePrograms> {
    const folder = mkdtempSync(join(tmpdir(), "glean-lease-"));
    await makePackage(join(folder, "sdk"), "1.2.3");
    writeFileSync(join(folder, "program.mjs"), source);
    execFileSync("chmod", ["-R", "a+rX", folder]);
    return new LeasePrograms(site, folder);
  }

  /** Resolves once both workers serve. */
  async begin(user: string, options: { readonly ttlMs?: number } = {}): Promise<LeaseProgram> {
    const env = { ...this.site.cluster.env, GLEANER_CONF: this.site.files.config };
    const words = ["-u", user, "--", process.execPath, "program.mjs", JSON.stringify(options)];
    const child = spawn("runuser", words, {
      cwd: this.folder,
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.children.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    let complaints = "";
    child.stderr.on("data", (text: Buffer) => {
      complaints += text;
    });
    const said = async () => {
      const { done, value } = await lines.next();
      if (done) throw new Error(`its program ended: ${complaints}`);
      return JSON.parse(value);
    };
    const { id, workers, pid } = await said();
    return new LeaseProgram(id, workers, pid, child, said, () => complaints);
  }

  /** Also ends the programs of tests that failed. */
  remove(): void {
    for (const child of this.children) child.kill();
    rmSync(this.folder, { recursive: true });
  }
}

export class LeaseProgram {
  constructor(
    readonly id: string,
    /** Those of the grant. */
    readonly workers: readonly string[],
    private readonly pid: number,
    private readonly child: ChildProcessByStdio<Writable, Readable, Readable>,
    private readonly said: () => Promise<Tally>,
    private readonly complaints: () => string,
  ) {}

  tally(): Promise<Tally> {
    this.child.stdin.write("\n");
    return this.said();
  }

  /** Resolves once every call has ended; throws if the program failed. */
  async end(): Promise<Tally> {
    const closed = once(this.child, "close");
    this.child.stdin.end();
    const tally = await this.said();
    const [code] = await closed;
    if (code !== 0) throw new Error(`its program exited with ${code}: ${this.complaints()}`);
    return tally;
  }

  kill(): void {
    process.kill(this.pid, "SIGKILL");
  }
}
