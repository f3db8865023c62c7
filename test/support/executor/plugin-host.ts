// gleaner.so on a made-up node, called as by slurmstepd: through spank_host, which also checks what
// the plugin left behind.

import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { HookedNode, type Run } from "./hook.js";
import { pluginFolder } from "./plugin.js";

export class PluginNode extends HookedNode {
  private hostPid = 0;
  readonly plugin = path.join(this.folder, "gleaner.so");

  constructor() {
    super();
    fs.copyFileSync(path.join(pluginFolder, "gleaner.so"), this.plugin);
    const sanitized = path.join(pluginFolder, "asan", "gleaner.so");
    fs.copyFileSync(sanitized, path.join(this.folder, "asan-gleaner.so"));
  }

  /**
   * One call; `stdout` is its time in microseconds. Status 1 if the plugin left something behind.
   */
  async call(
    env: Record<string, string>,
    options: { arguments?: readonly string[]; build?: "asan" } = {},
  ): Promise<Run> {
    const build = options.build ?? "";
    const plugin = build === "" ? this.plugin : path.join(this.folder, "asan-gleaner.so");
    const kind = env.SLURM_SCRIPT_CONTEXT === "epilog_slurmd" ? "epilog" : "prolog";
    const host = path.join(pluginFolder, build, "spank_host");
    const child = spawn(host, [plugin, kind, "1", ...(options.arguments ?? [])], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.hostPid = child.pid ?? 0;
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text) => {
      stdout += String(text);
    });
    child.stderr.on("data", (text) => {
      stderr += String(text);
    });
    const [status] = (await once(child, "close")) as [number | null];
    return { status, stdout, stderr };
  }

  /** The process of the hook in the call under way. */
  hookPid(): number {
    const stats = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    const found = stats.find((pid) => parentOf(pid) === this.hostPid);
    return Number(found);
  }
}

function parentOf(pid: string): number {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0; // ended meanwhile
  }
}
