// The names of groups on this machine.

import { spawnSync } from "node:child_process";

/** By their numbers; one that has no name is missing. */
export function groupNames(gids: Iterable<number>): ReadonlyMap<number, string> {
  const keys = [...new Set(gids)].map(String);
  const found = keys.length === 0 ? null : spawnSync("getent", ["group", ...keys]);
  const lines = found?.stdout?.toString().split("\n") ?? [];
  return new Map(
    lines.flatMap((line): [number, string][] => {
      const [name, , gid] = line.split(":");
      return name === undefined || gid === undefined ? [] : [[Number(gid), name]];
    }),
  );
}
