// What the filters of lists and of scancel choose: an empty name is no name, a job of several
// partitions is in each of them, and all that is chosen is cancelled, however much it is.

import { beforeEach, expect, test } from "@jest/globals";
import {
  gleanWorld,
  invocation,
  listOf,
  type Request,
  submissionsOf,
} from "../../../support/glean.js";

const world = gleanWorld();
const glean = (line: string) =>
  world.start(line.split(" ").map((word) => (word === "''" ? "" : word))).end;

const plain = invocation({ id: 67_108_900, state: "RUNNING", node: "n2" as never });
const named = invocation({ id: 67_108_901, state: "RUNNING", node: "n1" as never, name: "named" });
const optionVariables = { SLURM_JOB_ACCOUNT: "lab", SLURM_JOB_PARTITION: "short,long" };

beforeEach(() => {
  world.answers["GET /v1/invocations"] = () => listOf(named, plain);
  world.answers["GET /v1/submissions"] = () =>
    submissionsOf({ 67108900: { optionVariables: {} }, 67108901: { optionVariables } });
  world.answers["POST /v1/cancel"] = () => ({ body: { cancelled: 1, problems: [] } });
});

const cancelled = () =>
  world.requests.filter(({ url }) => url === "/v1/cancel").map(({ body }) => body.ids);

test.each([...["-p ''", "-p ,", "-A ''", "-A ,,", "-w ''", "-w ,", "-n ''"]])(
  "scancel and glean cancel refuse %s, which names nothing",
  async (words) => {
    for (const name of ["as scancel", "cancel"]) {
      const { status, stderr } = await glean(`${name} ${words}`);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(
        /^\w+: .*-\w ".*" names nothing, so nothing is cancelled: give a value, or omit -\w\n$/,
      );
    }
    expect(cancelled()).toEqual([]);
  },
);

test.each(["''", "'' 67108900"])("scancel --me %s refuses the id that is none", async (ids) => {
  const { status, stderr } = await glean(`as scancel --me ${ids}`);
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^scancel: error: invalid id "": expected 42, /),
  });
  expect(cancelled()).toEqual([]);
});

test.each([
  ["account", "-A", "-A", "SLURM_JOB_ACCOUNT"],
  ["partition", "-p", "-r", "SLURM_JOB_PARTITION"],
])("lists are chosen by the %s that the script names", async (_, letter, ofSacct, variable) => {
  const ended = invocation({ id: 67_108_902, state: "CANCELLED" });
  world.answers["GET /v1/invocations"] = () => listOf(plain, ended);
  const of = (name: string) => ({ optionVariables: { [variable]: name } });
  world.answers["GET /v1/submissions"] = () =>
    submissionsOf({ 67108900: of("lab"), 67108902: of("else") });
  const listed = async (...words: string[]) => (await world.start(["as", ...words]).end).stdout;
  expect(await listed("squeue", "-h", "-t", "all", letter, "lab,x", "-o", "%i")).toBe("67108900\n");
  expect(await listed("squeue", "-h", letter, "none", "-o", "%i")).toBe("");
  expect(await listed("sacct", "-n", "-P", ofSacct, "else", "-o", "jobid")).toBe("67108902\n");
  expect((await world.start(["queue", "-h", letter, "lab", "-o", "%i"]).end).stdout).toBe(
    "67108900\n",
  );
  const acct = world.start(["acct", "-n", "-P", ofSacct, "lab", "-o", "jobid"]);
  expect((await acct.end).stdout).toBe("67108900\n");
  expect((await glean(`as scancel ${letter} lab`)).status).toBe(0);
  expect(world.requests.at(-1)!.body).toEqual({ ids: ["67108900"] });
  world.requests.length = 0;
  expect((await glean(`as scancel ${letter} none`)).status).toBe(0);
  expect(world.requests.some(({ url }) => url === "/v1/cancel")).toBe(false);
});

test.each(["-p short,", "-p long", "-p x,,long", "-A lab,", "-w n[1,3],"])(
  "scancel %s cancels what has one of the names",
  async (words) => {
    expect((await glean(`as scancel ${words}`)).status).toBe(0);
    expect((await glean(`cancel ${words}`)).status).toBe(0);
    expect(cancelled()).toEqual([["67108901"], ["67108901"]]);
  },
);

test("scancel -p gleaner is all of the caller's", async () => {
  expect((await glean("as scancel -p gleaner")).status).toBe(0);
  expect(cancelled()).toEqual([["67108901", "67108900"]]);
});

const lists = ["as squeue -h -o %i", "queue -h -o %i", "as sacct -nPo jobid", "acct -nPo jobid"];
const letters: readonly (readonly string[])[] = [
  ["-p", "-A", "-w", "-n"],
  ["-p", "-A", "-w", "-n"],
  ["-r", "-A", "-N", "--name"],
  ["-r", "-A", "-N", "--name"],
];
test.each(lists.map((list, at) => [list, letters[at]!] as const))(
  "%s: an empty list chooses nothing, and an empty member is none",
  async (list, [partition, account, node, name]) => {
    const chosen = async (...words: (string | undefined)[]) =>
      (await glean(`${list} ${words.join(" ")}`)).stdout;
    for (const option of [partition, account, node, name])
      expect(await chosen(option, "''")).toBe("");
    for (const words of [
      [partition, ",long"],
      [partition, "short,"],
      [account, "lab,"],
      [node, "n[1,3],"],
      [name, "x,,named"],
    ])
      expect(await chosen(...words)).toBe("67108901\n");
  },
);

test("squeue takes states and users with empty members", async () => {
  expect((await glean("as squeue -h -o %i -t PD,,R, -u ada,")).stdout).toBe("67108900\n67108901\n");
  expect((await glean("as squeue -h -o %i -u ''")).stdout).toBe("");
  expect((await glean("as squeue -h -t ,")).stderr).toMatch(/-t: invalid state "": expected /);
});

test("sbatch submits all partitions that the script names", async () => {
  expect((await glean("as sbatch -p short,long --wrap id")).status).toBe(0);
  expect(world.submitted().optionVariables).toEqual({ SLURM_JOB_PARTITION: "short,long" });
});

/** Newest first. */
function answersInPages(all: readonly ReturnType<typeof invocation>[]): void {
  world.answers["GET /v1/invocations"] = ({ url }: Request) => {
    const { searchParams: asked } = new URL(url, "http://x");
    const before = Number(asked.get("before") ?? Infinity);
    const states = asked.get("states") ?? "PENDING";
    const left = all.filter(({ id, state }) => id < before && states.includes(state));
    return { body: { invocations: left.slice(0, 1_000), truncated: left.length > 1_000 } };
  };
}

test.each([
  ["", true, ["67200000"]],
  [" 67200000", true, null],
  ["", false, null],
])(
  "scancel -p long%s cancels more than one answer holds (an array: %s)",
  async (ids, isArray, named) => {
    const waits = (task: number) =>
      invocation({
        id: 67_200_000 + task,
        ...(isArray && { arrayJobId: 67_200_000, arrayTaskId: task }),
      });
    const all = Array.from({ length: 2_500 }, (_, task) => waits(task)).toReversed();
    answersInPages(all);
    world.answers["GET /v1/submissions"] = ({ url }: Request) => {
      const asked = new URL(url, "http://x").searchParams.get("ids")!.split(",");
      return submissionsOf(Object.fromEntries(asked.map((id) => [id, { optionVariables }])));
    };
    expect((await glean(`as scancel -p long${ids}`)).status).toBe(0);
    expect(cancelled().flat()).toEqual(named ?? all.map(({ id }) => String(id)));
  },
);

test("squeue lists more than one answer holds", async () => {
  const all = Array.from({ length: 2_500 }, (_, at) => invocation({ id: 67_202_500 - at }));
  answersInPages(all);
  expect((await glean("as squeue -h -S -i -o %i")).stdout).toBe(
    all.map(({ id }) => `${id}\n`).join(""),
  );
});

const askedLists = () =>
  world.requests
    .filter(({ url }) => url.startsWith("/v1/invocations?"))
    .map(({ url }) => Object.fromEntries(new URL(url, "http://x").searchParams));

test.each(["-j 42 -r", "-t all"])("squeue %s asks for five answers at most", async (words) => {
  answersInPages(Array.from({ length: 6_500 }, (_, at) => invocation({ id: 67_206_500 - at })));
  const { status, stdout, stderr } = await glean(`as squeue -h -o %i ${words}`);
  expect({ status, stderr, lines: stdout.split("\n").length - 1 }).toEqual({
    ...{ status: 0, lines: 5_000 },
    stderr:
      "squeue: note: only the newest 5000 were read: select fewer with -j or -t, or omit -r\n",
  });
  expect(askedLists()).toHaveLength(5);
});

test("squeue -j asks for the states that it shows, and then whether an ended id exists", async () => {
  const ended = invocation({ id: 67_108_902, state: "COMPLETED" });
  world.answers["GET /v1/invocations"] = ({ url }: Request) =>
    url.includes("states=") ? listOf() : listOf(ended);
  expect(await glean("as squeue -h -j 67108902")).toMatchObject({
    ...{ status: 0, stdout: "", stderr: "" },
  });
  expect(askedLists()).toEqual([
    { ids: "67108902", states: "PENDING,RUNNING", tasks: "runs", order: "newest" },
    { ids: "67108902", limit: "1" },
  ]);
});
