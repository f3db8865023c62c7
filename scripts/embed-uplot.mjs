// Writes src/report/uplot.ts, the copy of uPlot that goes into HTML reports: run it after uplot was upgraded.

import { readFileSync, writeFileSync } from "node:fs";

const packageFile = (path) =>
  readFileSync(new URL(`../node_modules/uplot/${path}`, import.meta.url), "utf8").trim();

const notice = packageFile("LICENSE").replaceAll(/^/gm, "// ").replaceAll(/ +$/gm, "");
const constant = (name, text) => `export const ${name} =\n  ${JSON.stringify(text)};\n`;

writeFileSync(
  new URL("../src/report/uplot.ts", import.meta.url),
  `// uPlot as it goes into HTML reports, written by scripts/embed-uplot.mjs: a report must need no other file.\n` +
    `// biome-ignore-all format: generated\n// biome-ignore-all lint: generated\n//\n${notice}\n\n` +
    `${constant("uplotScript", packageFile("dist/uPlot.iife.min.js"))}\n${constant("uplotStyle", packageFile("dist/uPlot.min.css"))}`,
);
