// Grace on real Slurm: an evicted function continues from its checkpoint; a notice precedes a drain
// and a planned end; folders are removed.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type TestSite, testSite } from "../support/site/site.js";

jest.setTimeout(240_000);
let at: TestSite;

beforeAll(async () => {
  at = await testSite({
    nodes: 2,
    cpus: 4,
    memoryMb: 8_000,
    config: { poll: { intervalMs: 500 }, functions: { killWaitMs: 20_000 } },
  });
});
afterAll(() => at?.site.stop());

const read = (name: string) => {
  const path = join(at.work, name);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
};
/**
 * Counts to 3, each number durable before the next; waits for a file before each, so that a test
 * controls it.
 */
const counting = `#!/bin/bash
#SBATCH --signal=B:USR1@30
state=$GLEANER_CHECKPOINT_DIR/n
n=$(cat $state 2>/dev/null || echo 0)
echo "attempt $GLEANER_ATTEMPT restarted \${SLURM_RESTART_COUNT:-0} from $n on $SLURMD_NODENAME" >>$NAME.log
trap 'echo "told at $n" >>$NAME.log; exit 75' USR1
while ((n < 3)); do
  while [[ ! -e $NAME.$((n + 1)) ]]; do sleep 0.05; done
  n=$((n + 1)); echo $n >$state.new && mv $state.new $state; echo "did $n" >>$NAME.log
done`;
const count = (name: string) => {
  const script = join(at.work, "count.sh");
  writeFileSync(script, counting, { mode: 0o755 });
  return at.submit([
    ...["--mem=100M", "-c", "1", "-t", "10:00", "-D", at.work, "-o", "/dev/null"],
    `--export=ALL,NAME=${name}`,
    script,
  ]);
};
const go = (name: string, step: number) => writeFileSync(join(at.work, `${name}.${step}`), "");
const logged = (name: string, text: string) =>
  at.until(`${text} in ${name}.log`, () => read(`${name}.log`).includes(text) || undefined);
const folders = () =>
  readdirSync(at.work).filter((name) => name.startsWith(".gleaner-checkpoint-"));
const noFolders = () => at.until("no folder", () => folders().length === 0 || undefined);
const nodeOf = async (id: string) => (await at.invocations(id))[0]!.node!;
const bothReady = () =>
  at.until("executors", async () => {
    const { nodes } = await at.info();
    return nodes.every((each) => each.executor?.state === "ready") || undefined;
  });

test("a function evicted by a batch job continues from its checkpoint on another node; its folder is removed after its end", async () => {
  await bothReady();
  const id = await count("evicted");
  go("evicted", 1);
  await logged("evicted", "did 1");
  const [folder] = folders();
  expect(folder).toMatch(new RegExp(`^\\.gleaner-checkpoint-${id}-[0-9a-f]{16}$`));
  const { mode, uid } = statSync(join(at.work, folder!));
  expect([mode & 0o7777, uid]).toEqual([0o700, 65_534]);
  const first = await nodeOf(id);
  const job = await at.sbatch([
    "--exclusive",
    `--nodelist=${first}`,
    "--output=/dev/null",
    "--wrap=true",
  ]);
  await logged("evicted", "attempt 2 restarted 1 from 1 on");
  expect(await at.jobEnded(job)).toBe("COMPLETED");
  go("evicted", 2);
  go("evicted", 3);
  expect((await at.ended(id)).map((each) => each.state)).toEqual(["COMPLETED"]);
  // A batch job waits for nobody: there was no notice.
  const lines = read("evicted.log").trim().split("\n");
  expect(lines.map((line) => line.replace(/ on n\d/, ""))).toEqual([
    "attempt 1 restarted 0 from 0",
    "did 1",
    "attempt 2 restarted 1 from 1",
    "did 2",
    "did 3",
  ]);
  const { attempts } = await at.detail(id);
  expect(attempts.map((each) => each.state)).toEqual([
    // LOST where the machine was so slow that the hook killed the whole executor.
    expect.stringMatching(/^(EVICTED|LOST)$/),
    "COMPLETED",
  ]);
  await noFolders();
});

test("a function on a node drained with --now gets a notice, saves its state and continues elsewhere", async () => {
  await bothReady();
  const id = await count("drained");
  await logged("drained", "attempt 1 ");
  const first = await nodeOf(id);
  await at.site.gleanOrThrow(["drain", "--now", first]);
  await logged("drained", "told at 0");
  for (const step of [1, 2, 3]) go("drained", step);
  expect((await at.ended(id))[0]).toMatchObject({ state: "COMPLETED", attempt: 2 });
  const [attempt] = (await at.detail(id)).attempts;
  expect(attempt).toMatchObject({ state: "EVICTED", node: first });
  await at.site.gleanOrThrow(["resume", first]);
  await noFolders();
});

test("a function gets its notice before a reservation begins; if it is cancelled while it waits, its folder is removed", async () => {
  await bothReady();
  const id = await count("reserved");
  await logged("reserved", "attempt 1 ");
  const { exitCode, stderr } = await at.site.cluster.run("scontrol", [
    ...["create", "reservation", "ReservationName=maint", "StartTime=now+20", "Duration=60"],
    ...["Flags=MAINT,IGNORE_JOBS", "Nodes=n1,n2", "Users=root"],
  ]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  // Reservations are read once a minute, and at the start.
  await at.site.endDaemon("SIGTERM");
  await at.site.startDaemon();
  await logged("reserved", "told at 0");
  expect(folders()).toHaveLength(1);
  await at.until("its way back to the queue", async () => {
    const [each] = await at.invocations(id);
    return each!.state === "PENDING" || undefined;
  });
  await at.site.gleanOrThrow(["cancel", id], { user: "nobody" });
  expect((await at.ended(id))[0]!.state).toBe("CANCELLED");
  await at.site.cluster.run("scontrol", ["delete", "ReservationName=maint"]);
  await at.site.endDaemon("SIGTERM");
  await at.site.startDaemon();
  await bothReady();
  await noFolders();
});

test("a function whose checkpoint folder cannot be created fails with the reason", async () => {
  const readOnly = join(at.work, "read-only");
  mkdirSync(readOnly);
  const id = await at.submit(["--checkpoint", "-D", readOnly, "-o", "/dev/null", "--wrap=true"]);
  const [ended] = await at.ended(id);
  expect(ended!.state).toBe("FAILED");
  expect(ended!.reason).toMatch(/the checkpoint folder .* cannot be created: Permission denied/);
});
