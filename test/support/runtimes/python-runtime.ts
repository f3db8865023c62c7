// The runtime for Python, as it stands in the sources.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "./runtime-process.js";

/** The system's own, which is no wrapper that takes time to start. */
export const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
const folder = resolve(import.meta.dirname, "../../../src/runtimes/python");

/** -B: the sources stay as they are. */
export const pythonCommand: Command = [python, "-B", folder];
export const parentCommand: Command = [...pythonCommand, "--parent"];
export const pythonFolder = folder;
