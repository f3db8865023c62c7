// The sample functions of docs/examples/functions, made ready to deploy, with the answers that they
// must give.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect } from "@jest/globals";
import { PNG } from "pngjs";
import { ensureInstalled } from "../../../scripts/cluster/programs.js";
import { optionBytes, pricesByIntegration } from "./options.js";
import { pageRankOfFirst } from "./page-rank.js";

const samplesFolder = resolve(import.meta.dirname, "../../../docs/examples/functions");
const debianPython = "/usr/lib/python3/dist-packages";
const needs = [
  `${debianPython}/numpy=python3-numpy`,
  `${debianPython}/igraph=python3-igraph`,
  `${debianPython}/PIL=python3-pil`,
  "gfortran=gfortran",
];
/** Packages may have to be downloaded: the time limit of a beforeAll() with prepareSamples(). */
export const preparationLimitMs = 600_000;

/** Copies the samples into a folder that users may read, and builds those that are compiled. */
export async function prepareSamples(folder: string): Promise<void> {
  await ensureInstalled(needs);
  cpSync(samplesFolder, folder, { recursive: true });
  for (const name of sampleNames())
    if (existsSync(join(folder, name, "Makefile")))
      execFileSync("make", ["-B", "-s", "-C", join(folder, name)], { stdio: "pipe" });
}

export const sampleNames = (): string[] =>
  readdirSync(samplesFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();

export interface SampleCall {
  readonly sample: string;
  readonly what: string;
  readonly input: string | Buffer;
  readonly check: (output: Buffer) => void;
}

const jsonOf = (output: Buffer) => JSON.parse(output.toString());

const picture = new PNG({ width: 400, height: 100 });
picture.data.forEach((_byte, at) => {
  picture.data[at] = at % 4 === 3 ? 255 : at % 251;
});
const text = Buffer.from("idle cores are not lost\n\0".repeat(500));

/** The MD5 sums that SeBS publishes for seed 42. */
const publishedSums = {
  bfs: { 10: "1dfb71bebaebcfb1a850f5b81610c2f7", 10000: "14160bc08930584610005d05cc20989f" },
  mst: { 10: "2731b0a338d620aac853321b832983c3", 10000: "ebac1069ed7b96771ac4a9684bdfc6ba" },
} as const;
const publishedPageRanks = { 10: 0.1, 10000: 0.00121224809 } as const;
const sizes = [10, 10_000] as const;

const graphInput = (algorithm: string, size: number) =>
  JSON.stringify({ algorithm, size, seed: 42 });

const graphCalls: SampleCall[] = sizes.flatMap((size) => [
  ...(["bfs", "mst"] as const).map((algorithm) => ({
    sample: "graph",
    what: `${algorithm} of ${size} vertices, with the sum that SeBS publishes`,
    input: graphInput(algorithm, size),
    check: (output: Buffer) =>
      expect(jsonOf(output)).toMatchObject({ md5: publishedSums[algorithm][size] }),
  })),
  {
    sample: "graph",
    what: `PageRank of ${size} vertices, as SeBS publishes it and as numpy computes it`,
    input: graphInput("pagerank", size),
    check: (output: Buffer) => {
      const { result } = jsonOf(output);
      expect(result).toBeCloseTo(publishedPageRanks[size], 9);
      expect(result).toBeCloseTo(pageRankOfFirst(size, 42), 9);
    },
  },
]);

export const sampleCalls: readonly SampleCall[] = [
  {
    sample: "numpy",
    what: "the polynomial through points on it",
    input: JSON.stringify({ x: [0, 1, 2, 3], y: [1, 6, 17, 34], degree: 2 }),
    check: (output) => {
      const { coefficients, deviation } = jsonOf(output);
      [1, 2, 3].forEach((each, at) => {
        expect(coefficients[at]).toBeCloseTo(each, 9);
      });
      expect(deviation).toBeCloseTo(0, 9);
    },
  },
  ...graphCalls,
  {
    sample: "thumbnail",
    what: "a JPEG of the same shape",
    input: PNG.sync.write(picture),
    check: (output) => expect(jpegSize(output)).toEqual({ width: 200, height: 50 }),
  },
  {
    sample: "compress",
    what: "what gunzip understands, and less",
    input: text,
    check: (output) => {
      expect(gunzipSync(output).equals(text)).toBe(true);
      expect(output.length).toBeLessThan(text.length / 10);
    },
  },
  {
    sample: "statistics",
    what: "the figures of samples",
    input: JSON.stringify({ samples: [9, 2, 4, 4, 5, 5, 7, 4] }),
    check: (output) =>
      expect(jsonOf(output)).toEqual({
        ...{ count: 8, mean: 5, deviation: 2, median: 4.5 },
        p95: expect.closeTo(8.3, 9),
      }),
  },
  {
    sample: "black-scholes",
    what: "the prices of a textbook, and those of an integral",
    input: optionBytes,
    check: (output) => {
      const prices = new Float64Array(Uint8Array.from(output).buffer);
      // Hull, Options, Futures and Other Derivatives: 42 today, 40 in half a year, 10 %, 20 %.
      expect(prices[0]).toBeCloseTo(4.7594, 4);
      expect(prices[1]).toBeCloseTo(0.8086, 4);
      const expected = pricesByIntegration();
      expect(prices).toHaveLength(expected.length);
      expected.forEach((price, at) => {
        expect(prices[at]).toBeCloseTo(price, 5);
      });
    },
  },
  {
    sample: "heat",
    what: "a straight line once the rod is at rest",
    input: "5 1000 0.25 100 0\n",
    check: (output) =>
      expect(output.toString().trim().split(/\s+/).map(Number)).toEqual([100, 75, 50, 25, 0]),
  },
];

/** From the frame header. */
function jpegSize(jpeg: Buffer): { width: number; height: number } {
  expect(jpeg.readUInt16BE(0)).toBe(0xffd8);
  for (let at = 2; at < jpeg.length; at += 2 + jpeg.readUInt16BE(at + 2)) {
    const marker = jpeg.readUInt16BE(at);
    if (marker === 0xffc0)
      return { height: jpeg.readUInt16BE(at + 5), width: jpeg.readUInt16BE(at + 7) };
  }
  throw new Error("the JPEG has no frame header");
}
