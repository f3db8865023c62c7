// The corpus of scripts through Slurm's own sbatch: it takes those that Gleaner takes, and asks for
// the same cores, memory, time, files and nodes.

import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type Cluster, startCluster } from "../../../scripts/cluster/cluster.js";
import {
  jobFields,
  nodeCpus,
  nodeMemoryMb,
  ownFields,
  readJob,
} from "../../support/corpus/fields.js";
import { corpus } from "../../support/corpus/scripts.js";

jest.setTimeout(120_000);

let cluster: Cluster;
/** For each script the job's id, or what sbatch said. */
let answers: string[];
let jobs: Map<string, string>;

const takes: Readonly<Record<keyof typeof corpus, boolean>> = {
  runnable: true,
  beyond: true,
  invalid: false,
  lenient: false,
};
const scripts = (Object.keys(corpus) as (keyof typeof corpus)[]).flatMap((kind) =>
  corpus[kind].map((each) => ({ kind, ...each })),
);

beforeAll(async () => {
  cluster = await startCluster({
    dir: mkdtempSync(join(tmpdir(), "gleaner-test-")),
    nodes: 2,
    cpus: nodeCpus,
    memoryMb: nodeMemoryMb,
    gpusPerNode: 8,
    slurmConfLines: ["Licenses=matlab:10"],
    partitionLines: ["batch Default=YES", "short", "long", "debug"].map(
      (name) => `PartitionName=${name} Nodes=ALL MaxTime=INFINITE State=UP`,
    ),
  });
  const features = "AvailableFeatures=haswell,ib,opa,avx2";
  await cluster.run("scontrol", ["update", "NodeName=n[1-2]", features]);
  const work = join(cluster.dir, "work");
  for (const [at, { text }] of scripts.entries()) writeFileSync(join(work, `${at}.sh`), text);
  const count = scripts.length;
  await cluster.run("/bin/bash", ["-c", submitAll(count)], { timeoutMs: 100_000 });
  answers = scripts.map((_, at) => readFileSync(join(work, `${at}.answer`), "utf8").trim());
  const { stdout } = await cluster.run("scontrol", ["-o", "show", "job"]);
  jobs = new Map(stdout.split("\n").map((line) => [/^JobId=(\d+)/.exec(line)?.[1] ?? "", line]));
}, 120_000);
afterAll(() => cluster?.stop());

/** Held, so that they are shown as they were submitted. */
const submitAll = (count: number): string => `
submit() { sbatch -H --parsable $1.sh > $1.answer 2> $1.said || cat $1.said > $1.answer; }
export -f submit
seq 0 ${count - 1} | xargs -P 4 -I{} bash -c 'submit {}'`;

test("sbatch takes what Gleaner takes, and none means something else to one of them", () => {
  const differences = scripts.flatMap(({ kind, head, text }, at): object[] => {
    const answer = answers[at]!;
    const isJob = /^\d+$/.test(answer);
    if (isJob !== takes[kind]) return [{ head, answer }];
    if (kind !== "runnable") return [];
    const job = readJob(jobs.get(answer)!);
    const [own, slurms] = [ownFields(text, job), jobFields(job)];
    const names = Object.keys(own) as (keyof typeof own)[];
    return names
      .filter((name) => own[name] !== slurms[name])
      .map((name) => ({ head, name, own: own[name], slurms: slurms[name] }));
  });
  expect(differences).toEqual([]);
});
