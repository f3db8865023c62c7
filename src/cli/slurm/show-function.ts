// What `show function` prints, in the form of scontrol.

import type { FunctionDetail } from "../../sdk/index.js";
import { printable } from "../output.js";
import { formatWhen } from "../when.js";

type Pairs = Readonly<Record<string, string | number>>;

/** Lines of pairs, or all of them in one line. */
export function functionText(detail: FunctionDetail, isOneLine: boolean): string {
  const lines = pairsOf(detail).map((pairs) =>
    Object.entries(pairs)
      .map(([key, value]) => `${key}=${printable(String(value))}`)
      .join(" "),
  );
  return isOneLine ? `${lines.join(" ")}\n` : `${lines.join("\n   ")}\n\n`;
}

function pairsOf({ owner, name, sharing, aliases, versions, shown }: FunctionDetail): Pairs[] {
  const { settings, variables } = shown;
  const own = Object.entries(settings).flatMap(([key, value]) =>
    value === null ? [] : [[`${key.charAt(0).toUpperCase()}${key.slice(1)}`, String(value)]],
  );
  const newest = versions.find(({ version }) => version === shown.version);
  return [
    {
      FunctionName: `${owner.user}/${name}`,
      UserId: `${owner.user}(${owner.uid})`,
      Shared: sharing,
    },
    { Version: shown.version, Versions: versions.length },
    { Aliases: aliases.map(({ alias }) => alias).join(",") || "(null)" },
    Object.fromEntries(own),
    { Environment: variables.join(",") || "(null)" },
    ...(newest === undefined
      ? []
      : [
          {
            DeployTime: formatWhen(newest.deployedAtMs),
            Size: newest.bytes,
            Stopped: newest.stopped ?? "NO",
          },
        ]),
  ];
}
