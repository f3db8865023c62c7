// Writes src/report/page/uplot.ts, the copy of uPlot in HTML reports: run it after upgrading uplot.

import { readFileSync, writeFileSync } from "node:fs";

const packageFile = (path) =>
  readFileSync(new URL(`../node_modules/uplot/${path}`, import.meta.url), "utf8").trim();

const notice = packageFile("LICENSE").replaceAll(/^/gm, "// ").replaceAll(/ +$/gm, "");
const constant = (name, text) => `export const ${name} =\n  ${JSON.stringify(text)};\n`;

writeFileSync(
  new URL("../src/report/page/uplot.ts", import.meta.url),
  `// uPlot for HTML reports, written by scripts/embed-uplot.mjs: a report must not need other files.\n` +
    `// biome-ignore-all format: generated\n// biome-ignore-all lint: generated\n//\n${notice}\n\n` +
    `${constant("uplotScript", packageFile("dist/uPlot.iife.min.js"))}\n${constant("uplotStyle", packageFile("dist/uPlot.min.css"))}`,
);
