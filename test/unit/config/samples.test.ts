// The samples in configs/ are valid for the programs: every key documented, every default as in the
// code.

import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { loadConfig, parseConfig } from "../../../src/config.js";
import { hookProblemOf } from "../../../src/core/capacity/hook-check.js";
import { preemptionProblemOf } from "../../../src/core/capacity/preemption-check.js";
import { findPluginLine } from "../../../src/executor/hook/plugin-stack.js";
import { noDebugger } from "../../../src/launch/names.js";
import { readFacts } from "../../../src/slurm/facts.js";
import { readPartitions } from "../../../src/slurm/partitions.js";

const root = join(import.meta.dirname, "../../..");
const sample = (name: string) => readFileSync(join(root, "configs", name), "utf8");
const source = (name: string) => readFileSync(join(root, "slurm-plugin/hook", name), "utf8");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-configs-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("gleaner.yaml", () => {
  test("has every key with its default", () => {
    const written: unknown = parse(sample("gleaner.yaml"));
    // Not the parsed configuration: that would have what the sample forgets.
    expect(written).toEqual(parseConfig({}, "the defaults"));
  });

  test("is read as written", () => {
    const file = join(root, "configs/gleaner.yaml");
    expect(loadConfig(file)).toEqual(parseConfig(parse(sample("gleaner.yaml")), "the sample"));
  });

  test.each([
    ["missing", "nowhere.yaml", null, /cannot read .*nowhere\.yaml .*configs\/gleaner\.yaml/],
    ["a folder", ".", null, /cannot read/],
    [
      "endless",
      "/dev/zero",
      null,
      /larger than 1048576 bytes: check that it is the configuration file/,
    ],
    ["too large", "large.yaml", "#".repeat(1024 * 1024 + 1), /larger than 1048576 bytes/],
    ["no YAML", "bad.yaml", "a: [", /is not valid YAML/],
    ["of a wrong type", "type.yaml", "store: 7", /store: /],
  ])("is refused with a sentence if it is %s", (_what, name, text, sentence) => {
    const file = resolve(folder, name);
    if (text !== null) writeFileSync(file, text);
    expect(() => loadConfig(file)).toThrow(sentence);
  });

  test("reads a file of the largest size", () => {
    const file = join(folder, "largest.yaml");
    writeFileSync(file, `logLevel: warn\n${"#".repeat(1024 * 1024 - 15)}`);
    expect(loadConfig(file).logLevel).toBe("warn");
  });
});

describe("slurm.conf.gleaner", () => {
  const { programs } = parseConfig({}, "the defaults");
  /** What `scontrol show config` prints of these lines. */
  const factsOf = (text: string) => {
    const settings = text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.replace(/^([A-Za-z]+)=/, "$1 = "));
    const rest = ["ClusterName = c", "SLURM_VERSION = 22.05.8"];
    return readFacts(Buffer.from([...rest, ...settings, ""].join("\n")), []);
  };
  const lines = sample("slurm.conf.gleaner");

  test("guarantees the hook for the default programs", () => {
    expect(hookProblemOf(factsOf(lines), programs)).toBeNull();
  });

  test.each(["Prolog", "PrologFlags", "Epilog"])("needs its line %s", (key) => {
    const without = lines.replace(new RegExp(`^${key}=.*$`, "m"), "");
    expect(without).not.toBe(lines);
    expect(hookProblemOf(factsOf(without), programs)).toContain(`${key}=`);
  });

  test("advises a line that Gleaner understands", () => {
    expect(factsOf(lines).maxMemoryPerCoreMb).toBeNull();
    expect(factsOf(lines.replace("#MaxMemPerCPU", "MaxMemPerCPU")).maxMemoryPerCoreMb).toBe(4_000);
  });
});

describe("slurm.conf.pilots", () => {
  const lines = sample("slurm.conf.pilots");
  const problemOf = (text: string) => {
    const settings = text.replace(/^(Preempt[A-Za-z]+)=/gm, "$1 = ");
    const output = Buffer.from(`ClusterName = c\nSLURM_VERSION = 22.05.8\n${settings}`);
    const isPartition = (line: string) => line.startsWith("PartitionName=");
    const shown = text.replaceAll("Nodes=ALL", "Nodes=n[1-2]").split("\n").filter(isPartition);
    const partitions = readPartitions(Buffer.from(shown.join("\n")), []).map(
      ({ partition }) => partition,
    );
    const { pilot } = parseConfig({}, "the defaults").placement;
    return preemptionProblemOf({ facts: readFacts(output, []), partitions }, pilot.partition);
  };

  test("lets every job preempt pilots of the default partition", () => {
    expect(problemOf(lines)).toBeNull();
  });

  test.each([
    "PreemptType=preempt/partition_prio",
    " PreemptMode=CANCEL GraceTime",
    " PriorityTier=10",
  ])("needs %s", (words) => {
    const without = lines.replace(words, "");
    expect(without).not.toBe(lines);
    expect(problemOf(without)).not.toBeNull();
  });
});

describe("plugstack.conf.gleaner", () => {
  const { programs } = parseConfig({}, "the defaults");

  test("lists the default plugin, with nothing else to set", () => {
    const file = join(root, "configs/plugstack.conf.gleaner");
    expect(findPluginLine(file, programs.plugin)).toEqual({ kind: "optional", options: [] });
  });

  test("is quoted by the operators' guide", () => {
    expect(sample("../docs/operating/hook.md")).toContain(`\noptional ${programs.plugin}\n`);
  });
});

describe("hook.conf", () => {
  /** Lines that count, and those that are commented out. */
  const settings = [...sample("hook.conf").matchAll(/^#?([a-zA-Z]+)=(\S+)$/gm)].map(
    ([, key, value]) => [key!, value!] as const,
  );

  test("has the keys that the hook knows, no others", () => {
    const known = [...source("hook_conf.c").matchAll(/strcmp\(key, "([a-zA-Z]+)"\)/g)];
    expect(known.length).toBeGreaterThan(0);
    expect(settings.map(([key]) => key).sort()).toEqual(known.map(([, key]) => key).sort());
  });

  test("has the hook's defaults, and gleaner.yaml's folder", () => {
    const header = source("hook_conf.h");
    const constant = (name: string) =>
      new RegExp(`#define ${name} "?([^"\\s]+)`).exec(header)?.[1] ?? `no ${name}`;
    expect(Object.fromEntries(settings)).toMatchObject({
      runDir: constant("HOOK_DEFAULT_RUN_DIR"),
      answerMs: constant("HOOK_DEFAULT_ANSWER_MS"),
      deadlineMs: constant("HOOK_DEFAULT_DEADLINE_MS"),
    });
    const { runDirectory, listen } = parseConfig({}, "the defaults");
    const { runDir, wake } = Object.fromEntries(settings);
    expect(runDir).toBe(runDirectory);
    expect(wake).toMatch(new RegExp(`:${listen.executorPort}$`));
  });

  test("is read by the hook itself", () => {
    execFileSync("make", ["-s", "-C", join(root, "slurm-plugin"), `OUT=${folder}/built`]);
    const hook = join(folder, "glean-prolog");
    copyFileSync(join(folder, "built", "glean-prolog"), hook);
    const runDirectory = join(folder, "run");
    const text = sample("hook.conf").replace(/^runDir=.*$/m, `runDir=${runDirectory}`);
    writeFileSync(join(folder, "hook.conf"), text, { mode: 0o644 });
    const { status, stderr } = spawnSync(hook, ["--probe"], {
      env: { SLURMD_NODENAME: "n1" },
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `glean-prolog: no executor answers at ${runDirectory}/n1/hook.sock; check whether one is started there.\n`,
    });
  });
});

describe("gleanerd.service", () => {
  const unit = sample("gleanerd.service");
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1];
  const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

  (hasSystemd ? test : test.skip)("systemd finds nothing wrong", () => {
    const file = join(folder, "gleanerd.service");
    // The program of this machine: node need not be where a site has it.
    writeFileSync(file, unit.replace("/usr/bin/node", process.execPath));
    const result = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
    expect({ status: result.status, said: aboutUs(result.stderr) }).toEqual({
      status: 0,
      said: [],
    });
  });

  (hasSystemd ? test : test.skip)("systemd finds its sandbox tight", () => {
    const file = join(folder, "gleanerd.service");
    writeFileSync(file, unit);
    // Tenths: 4.0.
    const args = ["security", "--offline=true", "--threshold=40", file];
    const { status, stdout, stderr } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
    expect({ status, said: status === 0 ? "" : stdout + stderr }).toEqual({ status: 0, said: "" });
  });

  test("has an extra file that lifts the sandbox for executors that are its children", () => {
    const keysOf = (text: string) =>
      [...text.matchAll(/^([A-Z][A-Za-z]+)=/gm)].map(([, key]) => key!);
    const sandbox = unit.slice(unit.indexOf("CapabilityBoundingSet="), unit.indexOf("[Install]"));
    const harmless = new Set(
      ["StateDirectory", "LogsDirectory"].flatMap((key) => [key, `${key}Mode`]),
    ).add("SystemCallErrorNumber");
    const taken = keysOf(sample("gleanerd-local.conf"));
    expect(keysOf(sandbox).filter((key) => !harmless.has(key) && !taken.includes(key))).toEqual([]);
    expect(taken).toEqual(expect.arrayContaining(["MemoryHigh", "MemoryMax", "TasksMax"]));
  });

  test("is killed by the OOM killer before Slurm's daemons, and gets time to stop", () => {
    expect(value("MemoryMax")).toBe("1G");
    expect(Number(value("OOMScoreAdjust"))).toBeGreaterThan(0);
    expect(Number(value("TimeoutStopSec"))).toBeGreaterThan(5);
  });

  test("writes no memory to disk on a crash", () => {
    expect(value("LimitCORE")).toBe("0");
  });

  test("leaves executors running on a restart", () => {
    expect(value("KillMode")).toBe("process");
    expect(value("KillSignal")).toBe("SIGTERM");
    const { executor } = parseConfig({}, "the defaults");
    expect(Number(value("RestartSec")) * 1_000).toBeLessThan(executor.orphanMs);
  });

  test("starts the built daemon with node, as executors are started", () => {
    const { programs } = parseConfig({}, "the defaults");
    const { bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      bin: { gleanerd: string };
    };
    expect(value("ExecStart")).toBe(
      `${programs.node} ${noDebugger} --max-semi-space-size=4 /opt/gleaner/${bin.gleanerd}`,
    );
  });

  /** Other units of the machine may have faults of their own. */
  const aboutUs = (text: string) => text.split("\n").filter((line) => line.includes("gleanerd"));
});
