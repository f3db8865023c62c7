// A whole site for a test file: real Slurm, gleanerd, the CLI; with short ways to ask and to wait.

import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../scripts/cluster/until.js";
import { type Site, type SiteOptions, startSite } from "../../../scripts/site/site.js";
import type { Invocation } from "../../../src/model/invocation.js";
import type {
  InfoAnswer,
  InvocationDetail,
  InvocationList,
  NodeInfo,
} from "../../../src/wire/api/types.js";

/** Waits end long before; whoever waits this long waits for what does not come. */
const patienceMs = 60_000;
/** An ordinary user of any Debian machine. */
export const user = "nobody";
export const otherUser = "daemon";

export async function testSite(options: Omit<SiteOptions, "dir">): Promise<TestSite> {
  const site = await startSite({ ...options, dir: mkdtempSync(join(tmpdir(), "gleaner-test-")) });
  return new TestSite(site);
}

export class TestSite {
  constructor(readonly site: Site) {}

  /** Where commands run, and where output files land. */
  get work(): string {
    return join(this.site.cluster.dir, "work");
  }

  async json<T>(args: string[], as = "root"): Promise<T> {
    return JSON.parse(await this.site.gleanOrThrow([...args, "--json"], { user: as })) as T;
  }

  /** Submits and returns the id as it is printed. */
  async submit(args: string[], as = user): Promise<string> {
    const answer = await this.site.gleanOrThrow(["batch", "--parsable", ...args], { user: as });
    return answer.trim();
  }

  async info(): Promise<InfoAnswer> {
    return this.json<InfoAnswer>(["info"]);
  }

  /** Waits for the first read of Slurm, before which gleanerd knows no node. */
  async node(name: string): Promise<NodeInfo> {
    const find = async () => (await this.info()).nodes.find((each) => each.node === name);
    return this.until(`the node ${name}`, find);
  }

  async invocations(ids: string): Promise<readonly Invocation[]> {
    return (await this.json<InvocationList>(["acct", "-j", ids])).invocations;
  }

  async detail(id: string): Promise<InvocationDetail> {
    return this.json<InvocationDetail>(["show", id]);
  }

  async until<T>(what: string, probe: () => Promise<T | undefined> | T | undefined): Promise<T> {
    const tooLate = () =>
      new Error(`waited in vain for ${what}; gleanerd's log ends:\n${this.site.lastOfLog(30)}`);
    return until(patienceMs, probe, tooLate);
  }

  /** Waits until all of an id's invocations have ended; returns them. */
  async ended(id: string): Promise<readonly Invocation[]> {
    return this.until(`the end of ${id}`, async () => {
      const found = await this.invocations(id);
      const open = found.some((each) => each.state === "PENDING" || each.state === "RUNNING");
      return found.length > 0 && !open ? found : undefined;
    });
  }

  /** Waits until all invocations of an id run. */
  async runs(id: string): Promise<void> {
    await this.until(`${id} to run`, async () => {
      const found = await this.invocations(id);
      const all = found.length > 0 && found.every(({ state }) => state === "RUNNING");
      return all ? true : undefined;
    });
  }

  /** Waits until functions hold `cores` cores of the whole cluster, or of one node. */
  async usedCores(cores: number, node?: string): Promise<void> {
    await this.until(`functions on ${cores} cores`, async () => {
      const { nodes } = await this.info();
      const counted = nodes.filter((each) => node === undefined || each.node === node);
      const used = counted.reduce((sum, each) => sum + (each.executor?.usedCores ?? 0), 0);
      return used >= cores ? true : undefined;
    });
  }

  /** The node's executor, once gleanerd knows that its functions use exactly `cores` cores. */
  async executorUsing(cores: number, node: string) {
    return this.until(`functions on exactly ${cores} cores`, async () => {
      const { executor } = await this.node(node);
      return executor?.usedCores === cores ? executor : undefined;
    });
  }

  /** Submits a Slurm batch job; returns its id. */
  async sbatch(args: string[]): Promise<number> {
    const { stdout, stderr, exitCode } = await this.site.cluster.run("sbatch", [
      "--parsable",
      ...args,
    ]);
    if (exitCode !== 0) throw new Error(stderr);
    return Number(stdout);
  }

  /** A job whose prolog still runs is CONFIGURING: Slurm 26.05 calls it RUNNING already. */
  async jobState(id: number): Promise<string> {
    const { stdout } = await this.site.cluster.run("squeue", [
      "-h",
      "-t",
      "all",
      "-j",
      String(id),
      "-o",
      "%T %r",
    ]);
    const [state = "", reason] = stdout.trim().split(" ");
    return state === "RUNNING" && reason === "Prolog" ? "CONFIGURING" : state;
  }

  async jobEnded(id: number): Promise<string> {
    return this.until(`the end of job ${id}`, async () => {
      const state = await this.jobState(id);
      return ["PENDING", "RUNNING", "CONFIGURING", "COMPLETING"].includes(state)
        ? undefined
        : state;
    });
  }

  /** The text of a file in the work folder, once it is there and not empty. */
  async text(name: string): Promise<string> {
    return this.until(`the file ${name}`, () => {
      const path = join(this.work, name);
      const text = existsSync(path) ? readFileSync(path, "utf8") : "";
      return text === "" ? undefined : text;
    });
  }

  /** The pid of the executor on a node. */
  executorPid(node: string): number {
    const mark = readFileSync(join(this.site.files.run, node, "executor.pid"), "utf8");
    return Number(/^pid=(\d+)$/m.exec(mark)![1]);
  }
}
