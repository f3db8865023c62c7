// The bundles that esbuild makes: which source becomes which program, and how; for
// scripts/build.mjs and for the tests.

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));

/**
 * Minified if somebody waits for the start, except for names, which stack traces show. Long names
 * even help: V8 keeps a program of over 128 KiB separate from its young objects, and those of
 * `glean batch` need no collection before it waits for the answer, which took 2 ms.
 */
export const bundles = {
  "glean-program": { entry: "src/cli/main.ts", minify: true },
  "glean-batch": { entry: "src/cli/program/main-batch.ts", minify: true },
  "glean-config": { entry: "src/config.ts", minify: true },
  "glean-report": { entry: "src/report/index.ts", minify: true },
  "glean-sim": { entry: "src/sim/index.ts", minify: false },
  "glean-replay": { entry: "src/sim/thread.ts", minify: false },
  "glean-local": { entry: "src/local/index.ts", minify: false },
  gleanerd: { entry: "src/daemon/main.ts", minify: false },
  "glean-executor": { entry: "src/executor/main.ts", minify: false },
  "glean-runtime-node": { entry: "src/runtimes/node/main.ts", minify: false, imports: true },
  "program-helper": { entry: "src/processes/helper.ts", minify: false },
  "store-worker": { entry: "src/store/sqlite/worker.ts", minify: false },
};

/** Programs that are compiled ahead of time, and a command line with which that is rehearsed. */
const compiled = {
  "glean-program": ["queue"],
  "glean-batch": ["batch", "--wrap", "true"],
};
/**
 * The CLI: its programs, and separately their parts with large packages, which only some commands
 * load.
 */
export const cliBundles = [
  ...Object.keys(compiled),
  "glean-config",
  "glean-report",
  "glean-sim",
  "glean-replay",
  "glean-local",
];
/** Everything that must be in one folder for `node glean.cjs`. */
export const cliFiles = [
  "glean.cjs",
  ...Object.keys(compiled).map((name) => `${name}.cache`),
  ...cliBundles.map((name) => `${name}.cjs`),
];
/**
 * What make adds to these: the addon of `glean batch`, and what `glean lease --bench` runs, the
 * program and the function that it deploys.
 */
export const madeFiles = ["glean-ask.node", "glean-lease-bench", "glean-lease-bench.so"];

const quick = {
  name: "quick",
  setup({ onResolve, onLoad }) {
    onResolve(
      { filter: /\/(config|report\/index|sim\/index|local\/index)\.js$/ },
      ({ path, kind }) => {
        if (kind !== "dynamic-import") return undefined;
        const part = /\/(\w+)(\/index)?\.js$/.exec(path)[1];
        return { path: `./glean-${part}.cjs`, external: true };
      },
    );
    // Commander loads it for commands that are separate programs; glean has none, and it costs
    // 2 ms.
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes("/commander/") ? { path: "nothing", namespace: "empty" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "" }));
  },
};

/** Runs first in programs that hold secrets of others. */
const guard = readFileSync(join(here, "guard.cjs"), "utf8");
const guarded = ["gleanerd", "program-helper", "glean-executor"];

/**
 * Expressions for a CommonJS module's location; the CLI does not need it, and would wait 0.5 ms for
 * it.
 */
const placeOf = (name) =>
  cliBundles.includes(name)
    ? { define: {}, banner: "" }
    : {
        define: { "import.meta.url": "importMetaUrl", "import.meta.dirname": "__dirname" },
        banner: 'const importMetaUrl = require("url").pathToFileURL(__filename).href;',
      };

/**
 * Where the executor is copied to there are no compiled packages: msgpackr must not look for its
 * own.
 */
const aloneOf = (name) =>
  name === "glean-executor"
    ? { "process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED": '"true"' }
    : {};

/**
 * Writes NAME.cjs for each of `names` into the folder, with what V8 compiled for it where somebody
 * waits for it, and with glean-program also its starter; rejects with esbuild's own error, which
 * names the place. With glean-runtime-node comes the function of its rehearsal.
 */
export async function makeBundles(names, outputFolder, version) {
  await Promise.all(
    names.map((name) =>
      build({
        absWorkingDir: root,
        entryPoints: [bundles[name].entry],
        outfile: join(outputFolder, `${name}.cjs`),
        bundle: true,
        platform: "node",
        target: "node20",
        format: "cjs",
        // As require(): a real import() would start node's loader for ES modules. Only a runtime
        // needs that, for the modules of users.
        supported: { "dynamic-import": bundles[name].imports === true },
        plugins: cliBundles.includes(name) ? [quick] : [],
        minifySyntax: true,
        minifyWhitespace: bundles[name].minify,
        legalComments: "none",
        // They have compiled parts, which are found beside their package.json.
        external: ["better-sqlite3", "ssh2"],
        loader: { ".sql": "text", ".css": "text", ".txt": "text" },
        define: {
          GLEANER_VERSION: JSON.stringify(version),
          ...placeOf(name).define,
          ...aloneOf(name),
        },
        banner: { js: (guarded.includes(name) ? guard : "") + placeOf(name).banner },
        logLevel: "error",
      }),
    ),
  );
  if (names.includes("glean-program"))
    copyFileSync(join(here, "start.cjs"), join(outputFolder, "glean.cjs"));
  if (names.includes("glean-runtime-node"))
    copyFileSync(
      join(root, "src/runtimes/node/rehearsal.mjs"),
      join(outputFolder, "glean-runtime-node-rehearsal.mjs"),
    );
  for (const [name, words] of Object.entries(compiled)) {
    if (!names.includes(name)) continue;
    const paths = [`${name}.cjs`, `${name}.cache`].map((file) => join(outputFolder, file));
    execFileSync(process.execPath, [join(here, "compile.mjs"), ...paths, ...words], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
}
