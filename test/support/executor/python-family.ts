// Python workers on a node of a test, with the parent that forks them and its child that stands by.

import { readFileSync } from "node:fs";
import type { WorkerSettings } from "../../../src/wire/calls.js";
import type { CallingNode } from "./calling-node.js";
import { until } from "./executor.js";
import { groupOf, isFrozen } from "./frozen.js";
import type { FunctionCode } from "./function-code.js";

/** Tells who it is; holds its worker for as long as it is asked to. */
export const family = `
import os, time
imported_by = os.getpid()
def handler(event):
    if event: time.sleep(event)
    return {"pid": os.getpid(), "parent": os.getppid(), "importedBy": imported_by}
`;
export interface Member {
  readonly pid: number;
  readonly parent: number;
  readonly importedBy: number;
}

export class PythonFamily {
  constructor(private readonly at: CallingNode) {}

  readonly python = (text: string, change: Partial<WorkerSettings> = {}): Promise<FunctionCode> =>
    this.at.function({ "handler.py": text }, { runtime: "python", ...change });

  /** The processes of workers and their parents that live. */
  readonly pythons = (): readonly number[] =>
    this.at.node
      .processes()
      .filter((line) => line.includes("glean-runtime-python"))
      .map((line) => Number(line.split(" ")[0]));

  /** Of these, those that were forked by a parent that lives. */
  readonly children = (): readonly number[] => {
    const all = this.pythons();
    return all.filter((pid) => all.includes(parentOf(pid)));
  };

  /** Waits for the child that stands by, beside workers that are busy. */
  readonly standingBy = async (): Promise<number> => {
    let found: number | undefined;
    await until(() => {
      found = this.children().find(
        (pid) => isFrozen(pid) && groupOf(pid) !== groupOf(parentOf(pid)),
      );
      return found !== undefined;
    });
    return found!;
  };
}

/** 0 if it has ended. */
export function parentOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
  } catch {
    return 0;
  }
}
