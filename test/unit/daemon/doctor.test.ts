// glean doctor: each check answers, and one that is not right names what to change.

import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import { parseConfig } from "../../../src/config.js";
import type { Capacity } from "../../../src/daemon/capacity/capacity.js";
import { type DoctorDependencies, examine } from "../../../src/daemon/doctor.js";
import { ClockSteps } from "../../../src/daemon/records/clock-steps.js";
import { ExecutorRecord } from "../../../src/daemon/state/executor-record.js";
import type { Registry } from "../../../src/daemon/state/registry.js";
import { executorId, jobId, nodeName } from "../../../src/model/ids.js";
import type { ClusterFacts } from "../../../src/model/slurm/snapshot.js";
import { newState } from "../../support/daemon/state.js";
import { facts, job, node, snapshot } from "../../support/nouns.js";

const [n1, n2] = [nodeName("n1"), nodeName("n2")];
const nodes = [node({ name: n1 }), node({ name: n2 })];

let registry: Registry;
let failing: Map<string, { detail: string }>;
let parts: DoctorDependencies;

beforeEach(() => {
  ({ registry } = newState());
  failing = new Map();
  parts = {
    config: configOf(),
    version: "1.2.3",
    capacity: capacityOf({}),
    registry,
    launching: { failing },
    store: { setDrained: async () => undefined },
    reserve: { problem: async () => null },
    drains: { distrusted: () => [] },
    pilots: null,
  } as unknown as DoctorDependencies;
});

const configOf = (text = "") => parseConfig(text === "" ? {} : JSON.parse(text), "the test");
const capacityOf = (change: object): Capacity =>
  ({
    snapshot: snapshot({ nodes }),
    plan: null,
    problem: null,
    stale: false,
    snapshotAgeMs: 12,
    ...change,
  }) as unknown as Capacity;
const withFacts = (change: Partial<ClusterFacts>) =>
  capacityOf({ snapshot: snapshot({ nodes, facts: { ...facts, ...change } }) });
const pilots = (problem: string | null) => ({ problem }) as DoctorDependencies["pilots"];

/** The checks of one name, as `status: detail`. */
async function said(name: string, change: object = {}): Promise<string[]> {
  const { checks } = await examine({ ...parts, ...change });
  return checks
    .filter((check) => check.name === name)
    .map(({ status, detail }) => `${status}: ${detail}`);
}

test("with direct executors, doctor makes these checks in this order", async () => {
  const { checks } = await examine(parts);
  expect(checks.map(({ name }) => name)).toEqual([
    "gleanerd",
    "slurmctld",
    "Slurm version",
    "hook in slurm.conf",
    "start of salloc",
    "memory of jobs",
    "idle rest of nodes",
    "store",
    "encryption",
    "hook on n1",
    "hook on n2",
  ]);
  expect(checks[0]).toEqual({ name: "gleanerd", status: "ok", detail: "version 1.2.3" });
});

test.each([
  [7_200_000, "forward by 7200 s"],
  [-30_000, "back by 30 s"],
])("a clock that was set by %d ms is a warning, and is logged once", async (stepMs, direction) => {
  const detail = `the clock of this machine was set ${direction} since gleanerd started, which keeps to the earlier one: restart gleanerd (what runs on nodes goes on)`;
  const logged: string[] = [];
  const steps = new ClockSteps({ warn: (line: string) => void logged.push(line) });
  await steps.run();
  expect(await said("clock")).toEqual([]);
  const real = Date.now;
  const set = jest.spyOn(Date, "now").mockImplementation(() => real() + stepMs);
  try {
    await steps.run();
    await steps.run();
    expect(await said("clock")).toEqual([`warning: ${detail}`]);
  } finally {
    set.mockRestore();
  }
  expect(logged).toEqual([detail]);
});

test("with pilots, doctor checks their preemption, users and time instead of hook and cores", async () => {
  const { checks } = await examine({ ...parts, pilots: pilots(null) });
  expect(checks.map(({ name }) => name)).toEqual([
    "gleanerd",
    "slurmctld",
    "Slurm version",
    "preemption of pilots",
    "users of functions",
    "time of pilots",
    "store",
    "encryption",
  ]);
});

describe("slurmctld", () => {
  test.each([
    ["was not read yet", { snapshot: null, stale: true }, /^failed: .*not read Slurm yet/],
    ["gave a reason", { snapshot: null, stale: true, problem: "refused" }, /^failed: refused$/],
    ["is stale", { stale: true, problem: "no answer" }, /^failed: no answer$/],
    ["is slow", { stale: true }, /^failed: .* out of date: slurmctld answers slowly/],
    ["failed last", { problem: "timed out" }, /^warning: .*failed: timed out$/],
    [
      "had lines nobody could read",
      { snapshot: snapshot({ nodes, unreadable: ["NodeName=?", "other"] }) },
      /^warning: 2 lines .*: NodeName=\?$/,
    ],
    ["answered", {}, /^ok: cluster test, 2 nodes, read 12 ms ago$/],
  ])("%s", async (_what, change, answer) => {
    expect(await said("slurmctld", { capacity: capacityOf(change) })).toEqual([
      expect.stringMatching(answer),
    ]);
  });

  test.each([
    ["22.05.8", /^ok: 22\.05\.8$/],
    ["22.05", /^ok/],
    ["26.05.0", /^ok/],
    ["21.08.5", /^warning: 21\.08\.5 is older than 22\.05/],
    ["", /^warning: not yet known/],
  ])("of version '%s'", async (version, answer) => {
    const capacity = withFacts({ version });
    expect(await said("Slurm version", { capacity })).toEqual([expect.stringMatching(answer)]);
  });

  test("in a federation has ids that functions have, too", async () => {
    const jobs = [job({ id: jobId(67_108_863) }), job({ id: jobId(67_108_900) })];
    const seen = (count: number) => ({
      capacity: capacityOf({ snapshot: snapshot({ nodes, jobs: jobs.slice(0, count) }) }),
    });
    expect(await said("federation", seen(1))).toEqual([]);
    expect(await said("federation", seen(2))).toEqual([
      expect.stringMatching(/^warning: job 67108900 belongs to a federation/),
    ]);
  });

  test("that has not been read leaves all other checks unknown, and none ok", async () => {
    const { checks } = await examine({ ...parts, capacity: capacityOf({ snapshot: null }) });
    expect(Object.fromEntries(checks.map(({ name, status }) => [name, status]))).toEqual({
      gleanerd: "ok",
      slurmctld: "failed",
      "Slurm version": "warning",
      "hook in slurm.conf": "failed",
      "memory of jobs": "warning",
      "idle rest of nodes": "warning",
      store: "ok",
      encryption: "ok",
    });
    const unread = checks.filter(({ detail }) => /has not read Slurm yet/.test(detail));
    expect(unread).toHaveLength(4);
  });
});

describe("the hook in slurm.conf", () => {
  const programs = (text: object) => configOf(JSON.stringify({ programs: text }));

  test("is ok as prolog and epilog", async () => {
    expect(await said("hook in slurm.conf")).toEqual([
      expect.stringMatching(/^ok: Prolog, Epilog and PrologFlags=Alloc/),
    ]);
  });

  test("is ok as a plugin", async () => {
    expect(await said("hook in slurm.conf", { config: programs({ hook: "spank" }) })).toEqual([
      expect.stringMatching(/^ok: PrologFlags=Alloc .*plugstack/),
    ]);
  });

  test("is reported as missing", async () => {
    const capacity = withFacts({ prologs: [] });
    expect(await said("hook in slurm.conf", { capacity })).toEqual([
      expect.stringMatching(/^failed: .*Prolog=/),
    ]);
  });

  test("delays salloc only on a Slurm that waits for it", async () => {
    expect(await said("start of salloc")).toEqual([expect.stringMatching(/^warning: .*NoHold/)]);
    expect(await said("start of salloc", { capacity: withFacts({ version: "24.11.5" }) })).toEqual(
      [],
    );
  });
});

describe("the memory of jobs", () => {
  test.each([
    ["is not counted", { memoryIsConsumable: false }, /^warning: .*SelectTypeParameters/],
    ["may have hidden cores", { coreSpecIsHidden: true }, /^warning: .*AllowSpecResourcesUsage/],
    ["has no bound", { maxMemoryPerCoreMb: null }, /^warning: .*MaxMemPerCPU/],
    ["has one", {}, /^ok: .*2000 MB .*--overcommit$/],
  ])("%s", async (_what, change, answer) => {
    const capacity = withFacts(change);
    expect(await said("memory of jobs", { capacity })).toEqual([expect.stringMatching(answer)]);
  });

  test.each([
    [1, /on 1 of 2 nodes, which have GPUs/],
    [2, /on all nodes, which have GPUs/],
  ])("has no bound on %s nodes that have GPUs", async (count, answer) => {
    const some = nodes.map((each, index) => ({ ...each, hasGres: index < count }));
    const capacity = capacityOf({ snapshot: snapshot({ nodes: some }) });
    expect(await said("memory of jobs", { capacity })).toEqual([expect.stringMatching(answer)]);
  });
});

test.each([
  [true, /^ok: .*asks Slurm for each job's cores/],
  [false, /^ok: .*not pinned/],
])(
  "doctor reports the idle rest of nodes where jobs are pinned: %p",
  async (jobsArePinned, answer) => {
    const capacity = withFacts({ jobsArePinned });
    expect(await said("idle rest of nodes", { capacity })).toEqual([expect.stringMatching(answer)]);
  },
);

describe("pilots", () => {
  test("are reported if Slurm would not preempt them", async () => {
    expect(await said("preemption of pilots", { pilots: pilots("no tier") })).toEqual([
      "failed: no tier",
    ]);
    expect(await said("preemption of pilots", { pilots: pilots(null) })).toEqual([
      expect.stringMatching(/^ok: .*preempts them/),
    ]);
  });

  test("serve all users if gleanerd runs as root, else its own", async () => {
    const answer = process.getuid!() === 0 ? /^ok: of all users: .*root/ : /^ok: of .* only/;
    expect(await said("users of functions", { pilots: pilots(null) })).toEqual([
      expect.stringMatching(answer),
    ]);
  });

  test.each([
    [4_000_000, /^ok: .*3000000 ms/],
    [3_900_000, /^warning: .*2925000 ms .*refused.*functions\.maxTimeLimitMs is 3000000/],
  ])("of %s ms are compared with functions of 3000000 ms", async (timeLimitMs, answer) => {
    const config = configOf(
      JSON.stringify({
        placement: { launcher: "pilot", pilot: { partition: "gleaner", timeLimitMs } },
        functions: { maxTimeLimitMs: 3_000_000 },
      }),
    );
    expect(await said("time of pilots", { pilots: pilots(null), config })).toEqual([
      expect.stringMatching(answer),
    ]);
  });

  test("that fail are reported by node", async () => {
    failing.set("n2", { detail: "sbatch was refused" });
    expect(await said("pilot on n2", { pilots: pilots(null) })).toEqual([
      "failed: sbatch was refused",
    ]);
    expect(await said("hook on n2", { pilots: pilots(null) })).toEqual([]);
  });
});

describe("GPUs", () => {
  const gpuNodes = Array.from({ length: 7 }, (_, index) =>
    node({ name: nodeName(`g${index}`), gpuCount: 2 }),
  );
  const planOf = (count: number) => ({
    holes: gpuNodes.slice(0, count).map(({ name }) => ({ node: name, gpuProblem: "MIG slices" })),
    unusable: [],
  });
  const capacityWith = (plan: object | null, some = gpuNodes) =>
    capacityOf({ snapshot: snapshot({ nodes: some }), plan });

  test("are not mentioned if no node has any", async () => {
    expect(await said("GPUs")).toEqual([]);
  });

  test("are ok if none has a problem, and not mentioned with pilots", async () => {
    const capacity = capacityWith(null);
    expect(await said("GPUs", { capacity })).toEqual([expect.stringMatching(/^ok: /)]);
    expect(await said("GPUs", { capacity, pilots: pilots(null) })).toEqual([]);
  });

  test("that are unusable are reported by reason, with five node names", async () => {
    expect(await said("GPUs", { capacity: capacityWith(planOf(5)) })).toEqual([
      "warning: functions get no GPUs of g0, g1, g2, g3, g4: MIG slices",
    ]);
    expect(await said("GPUs", { capacity: capacityWith(planOf(7)) })).toEqual([
      "warning: functions get no GPUs of g0, g1, g2, g3, g4 and 2 more nodes: MIG slices",
    ]);
  });
});

describe("nodes", () => {
  const record = () => {
    const made = new ExecutorRecord(executorId("x1"), n1, "127.0.0.1", 0);
    made.become("starting");
    made.become("ready");
    made.line = { send: () => true, close: () => {} };
    made.containment = "cgroup v2";
    registry.add(made);
    return made;
  };

  test("are reported by whether their hook answered, their start failed, or neither", async () => {
    expect(await said("hook on n1")).toEqual([
      "warning: not probed, because no executor runs there: glean explain n1 says more",
    ]);
    const made = record();
    expect(await said("hook on n1")).toEqual(["ok: it answered executor x1 (cgroup v2)"]);
    made.become("draining");
    expect(await said("hook on n1")).toEqual([
      "warning: not probed, because executor x1 is draining: glean explain n1 says more",
    ]);
    failing.set("n2", { detail: "no route" });
    expect(await said("hook on n2")).toEqual(["failed: no route"]);
  });

  test("whose executor takes no work are not ok", async () => {
    record().hookProblem = "the hook is silent";
    failing.set("n1", { detail: "the hook is silent" });
    expect(await said("hook on n1")).toEqual(["failed: the hook is silent"]);
  });

  test("that are not trusted are reported", async () => {
    const drains = { distrusted: () => [[n1, "it ran for -1 ms"]] };
    expect(await said("trust in n1", { drains })).toEqual([
      expect.stringMatching(/^failed: .*\(it ran for -1 ms\).*glean resume n1$/),
    ]);
  });

  test("on which functions do not start are reported, but not for other reasons", async () => {
    const unusable = [
      { node: n1, reason: { kind: "sick", detail: "3 starts failed", retryInMs: 1_500 } },
      { node: n2, reason: { kind: "full" } },
    ];
    const capacity = capacityOf({ plan: { holes: [], unusable } });
    expect(await said("functions on n1", { capacity })).toEqual([
      expect.stringMatching(/^failed: 3 starts failed.* 2 s/),
    ]);
    expect(await said("functions on n2", { capacity })).toEqual([]);
  });

  test("with processes that cannot be killed are reported", async () => {
    const held = { cores: 2, memoryMb: 100, gpus: [] };
    registry.unkillable.set(n2, { count: 3, processes: [], held });
    expect(await said("unkillable processes on n2")).toEqual([
      expect.stringMatching(/^warning: 3 processes .*2 cores, 100 MB .*; and 3 more$/),
    ]);
  });
});

describe("the store", () => {
  test("is tested with a drain of no node that is reverted", async () => {
    const written: unknown[] = [];
    const store = {
      setDrained: async (name: string, drain: object | null) => written.push([name, drain]),
    };
    expect(await said("store", { store })).toEqual(["ok: a write was durable"]);
    expect(written).toEqual([
      [expect.stringMatching(/^-/), { by: "doctor", now: false }],
      [expect.stringMatching(/^-/), null],
    ]);
  });

  test("is reported if it fails or is nearly full", async () => {
    const store = { setDrained: () => Promise.reject(new Error("read-only file system")) };
    expect(await said("store", { store })).toEqual(["failed: read-only file system"]);
    const reserve = { problem: async () => "1 MB is free" };
    expect(await said("store", { reserve })).toEqual([
      expect.stringMatching(/^warning: submissions are refused: 1 MB is free$/),
    ]);
  });
});
