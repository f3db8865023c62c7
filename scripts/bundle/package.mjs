// Makes the folder of the npm package `gleaner`: the SDK as ES modules with its types, and nothing
// to install beside it.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const entry = "src/sdk/public.ts";

/** For packages in CommonJS, which require Node's modules. */
const banner =
  'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);';

/** Writes the package into an empty folder; `npm pack` makes an archive of it. */
export async function makePackage(outputFolder, version) {
  await build({
    absWorkingDir: root,
    entryPoints: { index: entry },
    outdir: outputFolder,
    bundle: true,
    // The configuration's parser is loaded when a program connects by it.
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    chunkNames: "chunks/[name]-[hash]",
    minifySyntax: true,
    legalComments: "none",
    banner: { js: banner },
    logLevel: "error",
  });
  writeTypes(join(outputFolder, "types"));
  cpSync(join(root, "LICENSE"), join(outputFolder, "LICENSE"));
  cpSync(join(root, "src/sdk/README.md"), join(outputFolder, "README.md"));
  writeFileSync(join(outputFolder, "package.json"), `${manifest(version)}\n`);
}

const manifest = (version) =>
  JSON.stringify(
    {
      name: "gleaner",
      version,
      description: "Calls functions on the idle resources of a Slurm cluster.",
      license: "Apache-2.0",
      type: "module",
      engines: { node: ">=20" },
      exports: { ".": { types: "./types/sdk/public.d.ts", default: "./index.js" } },
    },
    null,
    2,
  );

/** The declarations that the entry leads to, which must need no package. */
function writeTypes(outputFolder) {
  mkdirSync(join(root, "dist"), { recursive: true });
  const work = mkdtempSync(join(root, "dist", ".new-types-"));
  try {
    const config = {
      extends: join(root, "tsconfig.json"),
      include: [],
      files: [join(root, entry)],
      compilerOptions: {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        stripInternal: true,
        rootDir: join(root, "src"),
        outDir: join(work, "types"),
        typeRoots: [join(root, "node_modules/@types")],
      },
    };
    const file = join(work, "tsconfig.json");
    writeFileSync(file, JSON.stringify(config));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, "-p", file], { stdio: ["ignore", 2, 2] });
    copyReached(join(work, "types"), outputFolder, "sdk/public.d.ts");
  } finally {
    rmSync(work, { recursive: true });
  }
}

function copyReached(from, to, first) {
  const reached = new Set([first]);
  for (const path of reached) {
    const text = readFileSync(join(from, path), "utf8");
    mkdirSync(dirname(join(to, path)), { recursive: true });
    writeFileSync(join(to, path), text);
    for (const [, name] of text.matchAll(/from "([^"]+)"|import\("([^"]+)"\)/g)) {
      if (name === undefined || !name.startsWith("."))
        throw new Error(`${path} needs ${name}: mark what uses it in the SDK as @internal`);
      reached.add(relative(from, join(from, dirname(path), name.replace(/\.js$/, ".d.ts"))));
    }
  }
}
