// The npm packages with compiled parts, which the daemon's bundle leaves out: only the files that
// are loaded when it runs.

import { existsSync } from "node:fs";
import { join } from "node:path";

/** Each with what it loads. `build` is the folder of its compiled part. */
const modules = [
  { name: "better-sqlite3", build: "build/Release", compiled: "better_sqlite3.node" },
  { name: "bindings" },
  { name: "file-uri-to-path" },
  { name: "ssh2", build: "lib/protocol/crypto/build/Release", compiled: "sshcrypto.node" },
  { name: "asn1" },
  { name: "safer-buffer" },
  { name: "bcrypt-pbkdf" },
  { name: "tweetnacl" },
];

const unused = /(^|\/)(tests?|benchmark|examples?|deps|src|docs|node_modules|\.github|build)\//;

export function copyModules(tree, from, to) {
  for (const { name, build, compiled } of modules) {
    const source = join(from, name);
    if (!existsSync(source)) throw new Error(`the package ${name} is missing: run npm install`);
    tree.copyFolder(source, join(to, name), isLoaded);
    if (build !== undefined)
      copyCompiled(tree, join(source, build, compiled), join(to, name, build, compiled), name);
  }
}

const isLoaded = (path) =>
  !unused.test(path) && (path === "package.json" || /^[^./][^/]*\.js$|^lib\/.*\.js$/.test(path));

/** Without its compiled part ssh2 does the same in JavaScript. */
function copyCompiled(tree, from, to, name) {
  if (existsSync(from)) tree.copyStripped(from, to, 0o644);
  else if (name === "better-sqlite3")
    throw new Error(`${from} is missing: run npm rebuild better-sqlite3`);
}
