// Live progress: on a terminal, a picture of the nodes that is redrawn; elsewhere, a line every few
// seconds.

import type { InfoAnswer, NodeInfo } from "../../src/wire/api/types.js";

export interface Progress {
  readonly elapsedMs: number;
  readonly lengthMs: number;
  readonly info: InfoAnswer;
  readonly jobsSubmitted: number;
  readonly jobs: number;
  readonly tilesDrawn: number;
  readonly tiles: number;
}

/** Between two lines where nobody can see a moving picture. */
const lineEveryMs = 10_000;

export class ProgressView {
  private drawnLines = 0;
  private lastLineMs = -lineEveryMs;

  constructor(private readonly out: NodeJS.WriteStream) {}

  show(progress: Progress): void {
    if (this.out.isTTY) this.redraw(pictureOf(progress));
    else if (progress.elapsedMs - this.lastLineMs >= lineEveryMs) {
      this.lastLineMs = progress.elapsedMs;
      this.out.write(`${summaryOf(progress)}\n`);
    }
  }

  private redraw(lines: readonly string[]): void {
    const up = this.drawnLines === 0 ? "" : `\x1b[${this.drawnLines}A`;
    this.out.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join("")}`);
    this.drawnLines = lines.length;
  }
}

function summaryOf(progress: Progress): string {
  const { info } = progress;
  const sum = (of: (node: NodeInfo) => number) =>
    info.nodes.reduce((all, each) => all + of(each), 0);
  const used = sum((node) => node.executor?.usedCores ?? 0);
  return [
    `${String(Math.round(progress.elapsedMs / 1000)).padStart(3)} s`,
    `batch ${sum((node) => node.allocatedCores)}/${sum((node) => node.cores)} cores`,
    `functions ${used} cores`,
    `jobs ${progress.jobsSubmitted}/${progress.jobs}`,
    `tiles ${progress.tilesDrawn}/${progress.tiles}`,
  ].join("  ");
}

/**
 * One row per node, one cell per core: # is a batch job, o a function, . idle and held, blank
 * uncovered.
 */
function pictureOf(progress: Progress): string[] {
  const rows = progress.info.nodes.map((node) => {
    const used = node.executor?.usedCores ?? 0;
    const held = Math.max(used, node.executor?.budget.cores ?? 0);
    const cells = "#".repeat(node.allocatedCores) + "o".repeat(used) + ".".repeat(held - used);
    return `${node.node.padEnd(4)} [${cells.slice(0, node.cores).padEnd(node.cores)}]`;
  });
  return [...rows, `${summaryOf(progress)}   # batch job  o function  . ready executor`];
}
