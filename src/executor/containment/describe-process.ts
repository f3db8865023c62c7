// Describes a process that hangs in the kernel, with its user and file system, without hanging
// itself.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Describe } from "./unkillable.js";

/** A process that inspects it may hang with it; its output until then must do. */
const describeMs = 1_000;
const maxOutputBytes = 16_384;
const longestField = 200;

/** Uses `glean-spawn --describe` (slurm-plugin/PROTOCOL.md), which is a process of its own. */
export const describeBy =
  (program: string): Describe =>
  (pid) =>
    new Promise((resolve) => {
      const options = {
        timeout: describeMs,
        killSignal: "SIGKILL",
        maxBuffer: maxOutputBytes,
        env: {},
      } as const;
      let said = "";
      let isOver = false;
      const over = () => {
        if (isOver) return;
        isOver = true;
        resolve(parseDescription(said, readMounts()));
      };
      // A process that hangs does not even die of SIGKILL, and execFile would wait for it.
      setTimeout(over, 2 * describeMs).unref();
      try {
        const child = execFile(program, ["--describe", String(pid)], options, over);
        child.stdout?.on("data", (piece: string) => {
          said += piece;
        });
        child.unref();
      } catch {
        over(); // there is no memory for another process
      }
    });

interface Mount {
  readonly point: string;
  readonly what: string;
}

export function parseDescription(text: string, mounts: readonly Mount[]) {
  const lines = text.split("\n");
  // If a field occurs twice, the later one says more.
  const field = (key: string): string | null =>
    lines
      .findLast((line) => line.startsWith(`${key}=`))
      ?.slice(key.length + 1, key.length + 1 + longestField) ?? null;
  const path = field("path");
  return {
    name: field("name") ?? "",
    user: field("user"),
    waitsIn: field("waitsIn"),
    path,
    fileSystem: path === null ? null : mountOf(path, mounts),
  };
}

/** The mount that contains a path, found without touching the path itself. */
function mountOf(path: string, mounts: readonly Mount[]): string | null {
  const above = mounts.filter(
    ({ point }) => point === "/" || path === point || path.startsWith(`${point}/`),
  );
  // The last one of several mounts at the same place is visible.
  const nearest = above.reduce<Mount | null>(
    (best, each) => (best === null || each.point.length >= best.point.length ? each : best),
    null,
  );
  return nearest?.what.slice(0, longestField) ?? null;
}

function readMounts(): readonly Mount[] {
  try {
    return parseMounts(readFileSync("/proc/self/mountinfo", "latin1"));
  } catch {
    return [];
  }
}

/** Parses the lines of /proc/PID/mountinfo: see proc(5). */
export function parseMounts(text: string): readonly Mount[] {
  return text.split("\n").flatMap((line) => {
    const [before, after] = line.split(" - ");
    const point = unescaped(before?.split(" ")[4] ?? "");
    const [type, source] = after?.split(" ") ?? [];
    if (point === "" || type === undefined) return [];
    return [{ point, what: `${point} (${type} on ${unescaped(source ?? "")})` }];
  });
}

const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
