// The debugger of a function's language around its local worker: node's inspector, debugpy, or pdb
// on the terminal.

import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { GleanerError } from "../model/errors.js";
import type { FunctionSettings } from "../model/functions/settings.js";
import { afterSetup } from "../workers/runtime-command.js";

export interface Inspected {
  readonly argv: readonly string[];
  readonly hasTerminal: boolean;
  /** What the user has to do; null until the process says it. */
  readonly advice: string | null;
}

const loopback = "127.0.0.1";

/** Where the worker will run. */
interface Place {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** `argv`: the interpreter and the runtime's program, without the function's setup. */
export async function inspected(
  settings: Pick<FunctionSettings, "runtime" | "setup">,
  argv: readonly string[],
  place: Place,
): Promise<Inspected> {
  const [interpreter = "", ...program] = argv;
  switch (settings.runtime) {
    case "node":
      return {
        argv: [interpreter, `--inspect-brk=${loopback}:0`, ...program],
        hasTerminal: false,
        advice: null,
      };
    case "python":
      return succeeds(afterSetup([interpreter, "-c", "import debugpy"], settings), place)
        ? withDebugpy(interpreter, program)
        : {
            argv: [interpreter, ...program, "--pdb"],
            hasTerminal: true,
            advice:
              "pdb stops where the handler begins: n steps, c continues, q gives up (with debugpy installed, an editor can attach instead)",
          };
    case "native":
    case "exec":
      throw new GleanerError(
        "BAD_REQUEST",
        `--inspect is for node and python: start the ${settings.runtime} code under a debugger such as gdb yourself`,
      );
  }
}

async function withDebugpy(interpreter: string, program: readonly string[]): Promise<Inspected> {
  const port = await freePort();
  return {
    argv: [
      interpreter,
      // It warns of modules that were frozen into the interpreter, which nobody debugs here.
      "-Xfrozen_modules=off",
      "-m",
      "debugpy",
      "--listen",
      `${loopback}:${port}`,
      "--wait-for-client",
      ...program,
    ],
    hasTerminal: false,
    advice: `the worker waits for a debugger on ${loopback} port ${port} once it has started, in a second or two: attach an editor by debugpy`,
  };
}

/** What to do once node has said where its inspector listens; null if it did not say so yet. */
export function inspectorAdvice(output: string): string | null {
  const place = /ws:\/\/(127\.0\.0\.1:\d+)\//.exec(output)?.[1];
  return place === undefined
    ? null
    : `the worker waits for a debugger on ${place}: attach with node inspect ${place}, an editor, or chrome://inspect; cont goes on to your debugger statement`;
}

function succeeds(argv: readonly string[], { directory, environment }: Place): boolean {
  const [file = "", ...args] = argv;
  try {
    // A setup moves descriptor 3, which is a worker's socket.
    const stdio = ["ignore", "ignore", "ignore", "pipe"] as const;
    execFileSync(file, args, { cwd: directory, env: environment, stdio: [...stdio] });
    return true;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, loopback, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address!.port : 0));
    });
  });
}
