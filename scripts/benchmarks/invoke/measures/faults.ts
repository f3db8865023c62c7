// How long calls take that meet a fault: 16 calls are in a worker in a network namespace of its own
// when its link is cut, it is killed, or it is stopped. A second worker, or gleanerd's path, takes
// them over. Needs root and iproute2.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  type ServedWorker,
  startServing,
  stopServing,
} from "../../../../test/support/runtimes/serving.js";
import { endpointOf, Leasing } from "../../../../test/support/sdk/leasing.js";
import { makeBundles } from "../../../bundle/bundles.mjs";
import { preciseMs, rounded } from "../../lib/figures.js";

const calls = 16;
const handlerMs = 200;
/** No call may take longer. */
const deadlineMs = 20_000;
const addresses = ["10.213.7.1", "10.213.7.2"] as const;
const code = {
  "index.mjs": `import { setTimeout as pause } from "node:timers/promises";
    export default async (ms) => { await pause(ms); return "by a worker"; };`,
};

let rounds = 0;
type Act = (worker: ServedWorker, here: string) => void;

const ip = (...args: string[]): void => void execFileSync("ip", args);

const faults = {
  linkCut: (_, here) => ip("link", "set", here, "down"),
  killed: ({ runtime }) => runtime.child.kill("SIGKILL"),
  stopped: ({ runtime }) => runtime.child.kill("SIGSTOP"),
} satisfies Record<string, Act>;

export async function measure(): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-faults-"));
  await makeBundles(["glean-runtime-node"], folder, "1.2.3");
  const program = join(folder, "glean-runtime-node.cjs");
  const figures: Record<string, object> = {};
  try {
    for (const [name, act] of Object.entries(faults))
      for (const rescue of ["worker", "gleanerd"] as const)
        figures[`${name}, then by ${rescue}`] = await once(program, act, rescue === "worker");
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { calls, handlerMs, ...figures };
}

async function once(program: string, act: Act, hasSecond: boolean): Promise<object> {
  const { space, here } = connected();
  const inSpace = ["ip", "netns", "exec", space, process.execPath, program] as const;
  const options = { concurrency: calls };
  try {
    const first = await startServing(inSpace, code, options);
    const far = { ...endpointOf(first.endpoint), host: addresses[1], hostId: "another" };
    const leasing = new Leasing([far]);
    const lease = await leasing.open();
    const second = hasSecond
      ? await startServing("node", code, { ...options, worker: "2.1" })
      : null;
    const running = Array.from({ length: calls }, () => ended(lease.invoke(handlerMs, limits)));
    await pause(handlerMs / 2);
    const beganMs = preciseMs();
    act(first, here);
    if (second !== null) leasing.change([far, endpointOf(second.endpoint)]);
    const ends = await Promise.all(running);
    const slowestMs = rounded(Math.max(...ends.map(({ atMs }) => atMs)) - beganMs, 0);
    const counts: Record<string, number> = {};
    for (const { by } of ends) counts[by] = (counts[by] ?? 0) + 1;
    await lease.end();
    return { ...counts, slowestMs };
  } finally {
    await stopServing();
    // The pair of interfaces goes with it, a little later.
    ip("netns", "delete", space);
  }
}

const limits = { timeLimitMs: deadlineMs };

/** By whom, or with which error. */
async function ended(call: Promise<unknown>): Promise<{ by: string; atMs: number }> {
  const by = await call.catch((error: { code?: string }) => error.code ?? String(error));
  return { by: String(by), atMs: preciseMs() };
}

/** A name space and a pair of interfaces, named after this process and its round. */
function connected(): { space: string; here: string } {
  const round = `${process.pid}-${rounds++}`;
  const [space, here, there] = [`gleaner-${round}`, `gl${round}`, `gr${round}`];
  ip("netns", "add", space);
  ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", space);
  ip("address", "add", `${addresses[0]}/30`, "dev", here);
  ip("link", "set", here, "up");
  for (const command of [
    ["address", "add", `${addresses[1]}/30`, "dev", there],
    ["link", "set", there, "up"],
    ["link", "set", "lo", "up"],
  ])
    ip("-n", space, ...command);
  return { space, here };
}
