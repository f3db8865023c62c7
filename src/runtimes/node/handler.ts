// Finds the handler of a bundle: `FILE:SYMBOL`, `FILE`, or what the bundle's files suggest.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Handler } from "./context.js";
import { locateSyntaxError } from "./syntax-error.js";
import { UserError } from "./user-error.js";

const usualNames = ["index", "handler", "function", "main"];
const extensions = ["mjs", "js", "cjs"];
const usualFiles = usualNames.flatMap((name) => extensions.map((end) => `${name}.${end}`));

/** Throws what the user's module throws, or UserError where there is no handler. */
export async function loadHandler(directory: string, named: string | undefined): Promise<Handler> {
  const { file, symbol } = partsOf(named ?? "");
  const shown = file ?? defaultFile(directory);
  const path = join(directory, shown);
  if (!existsSync(path) || !statSync(path).isFile())
    throw missing(
      `there is no file ${shown} in the function's folder: name the handler as FILE:SYMBOL with a file that is there`,
    );
  const exported = await exportsOf(directory, path);
  const handler = symbol === undefined ? usualExport(exported) : exportOf(exported, symbol);
  if (typeof handler === "function") return handler as Handler;
  const names = Object.keys(exported).join(", ") || "nothing";
  throw missing(
    symbol === undefined
      ? `${shown} exports no handler (it exports ${names}): write "export default async (input, context) => ...", or name yours with --handler ${shown}:NAME`
      : `${shown} exports no function ${symbol} (it exports ${names}): name yours with --handler ${shown}:NAME`,
  );
}

async function exportsOf(directory: string, path: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (thrown) {
    locateSyntaxError(thrown, directory, path);
    throw thrown;
  }
}

/** `:symbol` and `symbol` alone mean the default file. */
function partsOf(named: string): { file: string | undefined; symbol: string | undefined } {
  const colon = named.lastIndexOf(":");
  if (colon < 0) {
    const isFile = /\.[cm]?js$/.test(named);
    return { file: isFile ? named : undefined, symbol: isFile ? undefined : named || undefined };
  }
  return {
    file: named.slice(0, colon) || undefined,
    symbol: named.slice(colon + 1) || undefined,
  };
}

function defaultFile(directory: string): string {
  const main = mainOf(join(directory, "package.json"));
  if (main !== null) return main;
  const usual = usualFiles.find((name) => existsSync(join(directory, name)));
  if (usual !== undefined) return usual;
  const scripts = readdirSync(directory).filter((name) => /\.[cm]?js$/.test(name));
  if (scripts.length === 1) return scripts[0]!;
  throw missing(
    `the function's folder has ${scripts.length} scripts and none is named index, handler, function or main: name the handler as FILE:SYMBOL`,
  );
}

function mainOf(packageFile: string): string | null {
  if (!existsSync(packageFile)) return null;
  const { main } = JSON.parse(readFileSync(packageFile, "utf8")) as { main?: unknown };
  return typeof main === "string" && main !== "" ? main : null;
}

/** A module in CommonJS stands in `default`; one that was compiled to it has `default` in there. */
function usualExport(exported: Record<string, unknown>): unknown {
  const inner = exported.default as Record<string, unknown> | undefined;
  const candidates = [exported.default, exported.handler, inner?.handler, inner?.default];
  return candidates.find((each) => typeof each === "function");
}

const exportOf = (exported: Record<string, unknown>, symbol: string): unknown =>
  exported[symbol] ?? (exported.default as Record<string, unknown> | undefined)?.[symbol];

const missing = (message: string) => new UserError("exception", "HandlerNotFound", message);
