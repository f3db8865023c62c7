// The frame of every HTML report: one self-contained page that sends no request.

import { createHash } from "node:crypto";
import { html, jsonMarkup, Markup } from "./markup.js";
import { pageScript } from "./script.js";
import { pageStyle } from "./style.js";
import { uplotScript, uplotStyle } from "./uplot.js";

export interface Page {
  readonly title: string;
  readonly subtitle: string;
  readonly findings: readonly string[];
  readonly sections: readonly Markup[];
  /** The data of the plot. */
  readonly series: unknown;
}

/** Titles and findings may contain any characters. */
export function renderPage({ title, subtitle, findings, sections, series }: Page): string {
  const style = `${uplotStyle}\n${pageStyle}`;
  const script = `${uplotScript}\n${pageScript}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
<p class="subtitle">${subtitle}</p>
</header>
<section class="findings" aria-label="Findings">${findings.map((finding) => html`<p>${finding}</p>`)}</section>
${sections}
</main>
<script type="application/json" id="figures">${jsonMarkup(series)}</script>
<script>${new Markup(script)}</script>
</body>
</html>
`;
  return page.text;
}

const hashOf = (text: string): Markup =>
  new Markup(`sha256-${createHash("sha256").update(text).digest("base64")}`);
