// The files of a package while it is made: each is put in place with its mode, whatever the umask
// of the machine is, and compiled files without the symbols that only a debugger reads.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";

export class Tree {
  constructor(path) {
    this.path = path;
    this.directory("/");
  }

  /** Makes a directory of the package, with those above it. */
  directory(path, mode = 0o755) {
    const full = join(this.path, path);
    if (existsSync(full)) return;
    if (path !== "/") this.directory(dirname(path));
    mkdirSync(full, { recursive: true });
    chmodSync(full, mode);
  }

  write(path, content, mode = 0o644) {
    this.directory(dirname(path));
    writeFileSync(join(this.path, path), content);
    chmodSync(join(this.path, path), mode);
  }

  /** As `gzip -9n`: without a name and a time. */
  writeCompressed(path, content) {
    this.write(path, gzipSync(content, { level: 9 }));
  }

  copy(from, path, mode = 0o644) {
    this.directory(dirname(path));
    copyFileSync(from, join(this.path, path));
    chmodSync(join(this.path, path), mode);
  }

  copyCompressed(from, path) {
    this.writeCompressed(path, readFileSync(from));
  }

  /**
   * Copies a compiled file. The build id goes, too: it depends on the folder where it was built.
   */
  copyStripped(from, path, mode = 0o755) {
    this.directory(dirname(path));
    const to = join(this.path, path);
    const what = ["--strip-unneeded", "--remove-section=.note.gnu.build-id"];
    execFileSync("strip", [...what, "-o", to, from]);
    chmodSync(to, mode);
  }

  /** Copies the files of a folder for which `wanted` (of the path in it) is true. */
  copyFolder(from, path, wanted = () => true) {
    for (const name of readdirSync(from).sort()) {
      const [source, target] = [join(from, name), join(path, name)];
      if (statSync(source).isDirectory())
        this.copyFolder(source, target, (inner) => wanted(join(name, inner)));
      else if (wanted(name))
        this.copy(source, target, statSync(source).mode & 0o100 ? 0o755 : 0o644);
    }
  }

  /** The paths of all files, as they are installed. */
  files() {
    return this.paths((entry) => entry.isFile());
  }

  folders() {
    return this.paths((entry) => entry.isDirectory());
  }

  paths(wanted) {
    return readdirSync(this.path, { recursive: true, withFileTypes: true })
      .filter(wanted)
      .map((entry) => `/${relative(this.path, join(entry.parentPath ?? entry.path, entry.name))}`)
      .filter((file) => !/^\/DEBIAN(\/|$)/.test(file))
      .sort();
  }
}
