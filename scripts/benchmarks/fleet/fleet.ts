// The nodes of a large site, in a few processes: takes over from gleanerd's local launcher, which
// starts a script in place of each executor.

import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("nodes.ts", import.meta.url));
const processes = 4;
const lookMs = 20;
const chunk = Buffer.alloc(1024 * 1024);

export class Fleet {
  private readonly children: ChildProcess[];
  private readonly file: number;
  private readonly timer: NodeJS.Timeout;
  private started = 0;
  private rest = "";

  private constructor(specs: string) {
    this.children = Array.from({ length: processes }, () => fork(program));
    this.file = openSync(specs, "r");
    this.timer = setInterval(() => this.look(), lookMs);
  }

  /** `dir`: root's own. */
  static in(dir: string): Fleet {
    const specs = join(dir, "specs");
    writeFileSync(specs, "", { mode: 0o600 });
    return new Fleet(specs);
  }

  /** Programs of gleaner.yaml: the launcher runs `node executor`, and writes the spec to it. */
  static programs(dir: string): { readonly node: string; readonly executor: string } {
    const executor = join(dir, "executor.sh");
    const append = `read -r spec; printf '%s\\n' "$spec" >> "${join(dir, "specs")}"\n`;
    writeFileSync(executor, append, { mode: 0o700 });
    return { node: "/bin/sh", executor };
  }

  private look(): void {
    for (;;) {
      const bytes = readSync(this.file, chunk, 0, chunk.length, null);
      if (bytes === 0) return;
      const lines = `${this.rest}${chunk.toString("utf8", 0, bytes)}`.split("\n");
      this.rest = lines.pop()!;
      for (const line of lines) this.children[this.started++ % processes]!.send(line);
    }
  }

  stop(): void {
    clearInterval(this.timer);
    closeSync(this.file);
    for (const child of this.children) child.disconnect();
  }
}
