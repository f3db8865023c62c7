// The utilization report as text, CSV and HTML source: its words, its figures, and malicious names.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { computeUtilization } from "../../../src/core/accounting/utilization.js";
import { nodeName } from "../../../src/model/ids.js";
import {
  idleReport,
  renderIdleCsv,
  renderIdleText,
  renderUtilizationCsv,
  renderUtilizationHtml,
  renderUtilizationText,
} from "../../../src/report/index.js";
import { uplotScript, uplotStyle } from "../../../src/report/page/uplot.js";
import { duration, milliseconds, percent } from "../../../src/report/words.js";
import { harvest } from "../../support/harvest.js";

const figures = computeUtilization(harvest(["n1", "n2"]));
const named = (name: string) => ({
  ...figures,
  perNode: [{ ...figures.perNode[0]!, node: nodeName(name) }],
});

describe("idle", () => {
  const idle = idleReport(figures);
  const there = Object.entries(idle.parts).filter(([, coreMs]) => coreMs > 0);

  test("lists the parts of idle time and the largest loss of each node", () => {
    expect(there.map(([part]) => part)).toEqual([
      "useful",
      "unplaced",
      "noDemand",
      "starting",
      "unrecorded",
    ]);
    const text = renderIdleText(figures);
    const hours = (coreMs: number) => (coreMs / 3_600_000).toFixed(1);
    expect(text).toMatch(new RegExp(`^idle +${hours(figures.idleCoreMs)} +100.0 %$`, "m"));
    expect(text).toMatch(
      new RegExp(`^ {2}start-up +${hours(idle.parts.starting)} .*was starting`, "m"),
    );
    expect(text).not.toContain("memory");
    expect(text).toMatch(/^n1 .*no demand .*%$/m);
  });

  test("has CSV lines and JSON that sum to the idle core-time", () => {
    const [head, ...lines] = renderIdleCsv(figures).trimEnd().split("\r\n");
    expect(head).toMatch(/^node,idleCoreMs,usefulCoreMs,.*,unrecordedCoreMs$/);
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      const [whole, ...parts] = line.split(",").slice(1).map(Number);
      expect(parts.reduce((sum, part) => sum + part, 0)).toBe(whole);
    }
    for (const { idleCoreMs, parts } of [idle, ...idle.perNode])
      expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(idleCoreMs);
  });

  test("is a table with bars on the page, and absent if no reason is known", () => {
    const page = renderUtilizationHtml(figures, "t");
    const section = /<section id="idle">[\s\S]*?<\/section>/.exec(page)![0];
    expect(section.match(/<rect /g)).toHaveLength(there.length);
    expect(section).toContain('<th scope="row">start-up</th>');
    const { useful, ...others } = idle.parts;
    const unknown = Object.values(others).reduce((sum, part) => sum + part, 0);
    const zeros = Object.fromEntries(Object.keys(others).map((part) => [part, 0]));
    const idleParts = { ...idle.parts, ...zeros, useful, unrecorded: unknown };
    expect(renderUtilizationHtml({ ...figures, idleParts }, "t")).not.toContain('id="idle"');
  });

  test("neutralises a name that could move the cursor", () => {
    const text = renderIdleText(named("\u001b[2Jn\u202e"));
    for (const steering of ["\u001b", "\u202e"]) expect(text).not.toContain(steering);
    expect(renderIdleCsv(named("=1+1"))).toContain("'=1+1");
  });
});

describe("words", () => {
  test("never round a share up to all or down to nothing", () => {
    expect([percent(1, 3), percent(99_999, 100_000), percent(1, 100_000)]).toEqual([
      "33.3 %",
      "> 99.9 %",
      "< 0.1 %",
    ]);
    expect([percent(0, 5), percent(5, 5), percent(0, 0)]).toEqual(["0.0 %", "100.0 %", "–"]);
  });

  test("give times units", () => {
    expect([duration(0), duration(118_000), duration(93_784_000)]).toEqual([
      "0 s",
      "1 min 58 s",
      "1 d 2 h",
    ]);
    expect([milliseconds(3.44), milliseconds(1_250)]).toEqual(["3.4 ms", "1.25 s"]);
  });
});

describe("text", () => {
  test("shows totals in one unit and a line for each node", () => {
    const text = renderUtilizationText(figures);
    const hours = (coreMs: number) => (coreMs / 3_600_000).toFixed(1);
    expect(text).toContain(`idle of the ${hours(figures.availableCoreMs)} core-hours`);
    expect(text).toMatch(new RegExp(`^ {2}idle +${hours(figures.idleCoreMs)} `, "m"));
    expect(text).toMatch(/^n1 .*%$/m);
    expect(text).toMatch(/^n2 .*%$/m);
    expect(text).toContain("no batch job waited");
  });

  test("reports evictions that took longer than the start of a job", () => {
    const late = harvest(["n1"]);
    const evictions = late.evictions.map((one, index) => ({
      ...one,
      tookMs: index === 0 ? 101 : 5,
    }));
    const text = renderUtilizationText(computeUtilization({ ...late, evictions }));
    expect(text.replaceAll("\n", " ")).toContain("; 1 of them took longer than the 100 ms");
    expect(text).not.toContain("no batch job waited");
  });

  test("names each job that began before its functions were seen to be gone", () => {
    const all = harvest(["n1", "n2"]);
    const evictions = all.evictions.map((one, index) => ({
      ...one,
      left: index === 0 ? 2 : index === 1 ? null : 0,
      tookMs: index < 2 ? 1_950 : 5,
    }));
    const late = computeUtilization({ ...all, evictions });
    const [first, second] = late.violations!;
    expect(late.violations).toHaveLength(2);
    expect([first!.left, second!.left].toSorted()).toEqual([2, null]);
    const text = renderUtilizationText(late);
    expect(text).toContain("Violations: 2 jobs began while functions may still have held");
    expect(text).toMatch(/job \d+ on n\d at .* UTC: 2 processes were left after 1\.95 s/);
    expect(text).toContain("the number of remaining processes is unknown after 1.95 s");
    const page = renderUtilizationHtml(late, "late");
    expect(page).toContain("2 processes were left after 1.95 s");
    const csv = renderUtilizationCsv(late).trim().split("\r\n");
    expect(csv.at(-1)).toMatch(new RegExp(`,${first!.jobId} ${second!.jobId}$`));
    expect(renderUtilizationText(figures)).toContain("Violations: none");
    const unmeasured = computeUtilization({ ...all, evictions: [] });
    expect(unmeasured.violations).toBeNull();
    expect(renderUtilizationText(unmeasured)).not.toContain("Violations");
    expect(renderUtilizationCsv(unmeasured).trim().split("\r\n").at(-1)).toMatch(/,$/);
  });

  test("says for how long nothing was observed, unless that is less than a minute", () => {
    const input = harvest(["n1"]);
    const without = (ms: number) =>
      computeUtilization({
        ...input,
        nodeSpans: input.nodeSpans.map((each) => ({ ...each, fromMs: each.fromMs + ms })),
      });
    const gap = without(9 * 60_000);
    for (const shown of [renderUtilizationText(gap), renderUtilizationHtml(gap, "gap")])
      expect(shown.replace(/\s+/g, " ")).toContain(
        "Nothing is on record for 9 min of this period (10.0 %), in which gleanerd did not run",
      );
    for (const ms of [0, 59_000])
      expect(renderUtilizationText(without(ms))).not.toContain("on record");
  });

  test("has a sentence for no node, no idle core and no eviction", () => {
    const input = harvest(["n1"]);
    const none = renderUtilizationText(
      computeUtilization({ ...input, nodeSpans: [], evictions: [] }),
    );
    expect(none).toContain("No node was available to Slurm");
    expect(none).toContain("Evictions: none");
    expect(none).not.toMatch(/NaN|Infinity|null|undefined/);
    const busy = { ...figures, idleCoreMs: 0, coveredCoreMs: 0, usefulCoreMs: 0 };
    expect(renderUtilizationText(busy)).toContain("no core was idle");
  });

  test("lists at most 40 nodes, those with the most unharvested idle time", () => {
    const names = Array.from({ length: 60 }, (_, index) => `n${index}`);
    const text = renderUtilizationText(computeUtilization(harvest(names)));
    expect(text.match(/^n\d+ /gm)).toHaveLength(40);
    expect(text).toContain("the CSV file has 20 more");
  });

  test("lets no name send escape sequences or push the figures out of sight", () => {
    const text = renderUtilizationText(named(`\u001b[2J\u202Eevil\n${"x".repeat(500)}`));
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(text).toMatch(/^\uFFFD\[2J\uFFFDevil\uFFFDx+… +\d/m);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThan(140);
  });
});

describe("CSV", () => {
  test("has the JSON's keys, a line for each node and the total, in exact core-milliseconds", () => {
    const lines = renderUtilizationCsv(figures).split("\r\n");
    expect(lines[0]).toBe(
      "node,availableCoreMs,allocatedCoreMs,idleCoreMs,coveredCoreMs,usefulCoreMs,leasedCallsCoreMs,leasedHotCoreMs,leasedHeldCoreMs,violatedJobs",
    );
    expect(lines).toHaveLength(5);
    const { availableCoreMs, allocatedCoreMs, idleCoreMs, coveredCoreMs, usefulCoreMs } = figures;
    expect(lines[3]).toBe(
      `total,${[availableCoreMs, allocatedCoreMs, idleCoreMs, coveredCoreMs, usefulCoreMs].join(",")},0,0,0,none`,
    );
    expect(lines[4]).toBe("");
  });

  test("and the text say what leases held", () => {
    const leased = { leasedCallsCoreMs: 500, leasedHotCoreMs: 250, leasedHeldCoreMs: 250 };
    const u = { ...figures, ...leased };
    expect(renderUtilizationCsv(u).split("\r\n")[3]).toMatch(/,500,250,250,none$/);
    expect(renderUtilizationText(u).replaceAll("\n", " ")).toContain(
      "Leases that ended held 1.0 core-seconds: 50.0 % for calls, 25.0 % spinning, 25.0 % idle.",
    );
    expect(renderUtilizationText(figures)).not.toContain("Leases");
  });

  test.each([
    ['a,"b"', '"a,""b""",'],
    ["a\r\nb", '"a\r\nb",'],
    ["=cmd()", "'=cmd(),"],
    ["-1,2", '"\'-1,2",'],
  ])("writes the name %j as %j", (name, written) => {
    expect(renderUtilizationCsv(named(name)).split("violatedJobs\r\n")[1]).toMatch(
      new RegExp(`^${written.replace(/[()]/g, "\\$&")}`),
    );
  });
});

describe("HTML", () => {
  test("escapes names and permits only its own script and style", () => {
    const hostile = `</script><script>alert(1)</script><img src=x onerror='alert(2)' a="`;
    const page = renderUtilizationHtml(named(hostile), hostile);
    expect(page).not.toContain("<img");
    expect(page).not.toContain("alert(1)</script>");
    expect(page.match(/<script/g)).toHaveLength(2);
    const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    const script = page.match(/<script>([\s\S]*?)<\/script>/)![1]!;
    const style = page.match(/<style>([\s\S]*?)<\/style>/)![1]!;
    expect(page).toContain(
      `content="default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'"`,
    );
  });

  test("stays small for a large cluster", () => {
    const names = Array.from({ length: 300 }, (_, index) => `n${index}`);
    const page = renderUtilizationHtml(computeUtilization(harvest(names)), "large");
    expect(page).toContain("the CSV file has 200 more");
    expect(page.length).toBeLessThan(250_000);
  });

  test("contains the installed uPlot (otherwise run scripts/embed-uplot.mjs)", () => {
    const installed = (file: string) =>
      readFileSync(`node_modules/uplot/dist/${file}`, "utf8").trim();
    expect(uplotScript).toBe(installed("uPlot.iife.min.js"));
    expect(uplotStyle).toBe(installed("uPlot.min.css"));
  });
});
