// The control files of a package: its fields and dependencies, its conffiles, the scripts that dpkg
// runs, and the checksums of its files.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";

export function controlFiles(each, build, tree) {
  const scripts = join(build.root, "scripts/packages/maintainer", each.scripts);
  return [
    { name: "control", text: controlText(each, build, tree), mode: 0o644 },
    { name: "md5sums", text: checksums(each, tree), mode: 0o644 },
    ...(each.conffiles.length === 0
      ? []
      : [{ name: "conffiles", text: lines(each.conffiles), mode: 0o644 }]),
    ...readdirSync(scripts)
      .sort()
      .map((name) => ({ name, text: readFileSync(join(scripts, name)), mode: 0o755 })),
  ];
}

const lines = (items) => items.map((item) => `${item}\n`).join("");

function controlText(each, { version, architecture, maintainer }, tree) {
  const libraries = [`libc6 (>= ${oldestLibc(tree)})`, "libgcc-s1", "libstdc++6"];
  const fields = [
    ["Package", each.name],
    ["Version", version],
    ["Architecture", architecture],
    ["Maintainer", maintainer],
    ["Installed-Size", installedKb(tree)],
    ["Depends", [...libraries, ...each.depends].join(", ")],
    ["Recommends", each.recommends.join(", ")],
    ["Section", "admin"],
    ["Priority", "optional"],
    ["Description", [each.summary, ...each.description].join("\n ")],
  ];
  return lines(
    fields.filter(([, value]) => value !== "").map(([key, value]) => `${key}: ${value}`),
  );
}

function installedKb(tree) {
  const sizes = tree.files().map((file) => Math.ceil(statSync(join(tree.path, file)).size / 1024));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Omits conffiles: dpkg keeps their checksums itself. */
function checksums(each, tree) {
  const sums = tree
    .files()
    .filter((file) => !each.conffiles.includes(file))
    .map((file) => {
      const hash = createHash("md5").update(readFileSync(join(tree.path, file)));
      return `${hash.digest("hex")}  ${file.slice(1)}`;
    });
  return lines(sums);
}

/** The release of the C library that the compiled files ask for. */
export function oldestLibc(tree) {
  const compiled = tree.files().filter((file) => isCompiled(join(tree.path, file)));
  const versions = compiled.flatMap((file) => {
    const needed = execFileSync("readelf", ["--wide", "--version-info", join(tree.path, file)], {
      encoding: "utf8",
      maxBuffer: 256 * 1024 * 1024,
      stdio: ["ignore", "pipe", "ignore"],
    });
    return [...needed.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  });
  return `2.${versions.reduce((highest, minor) => Math.max(highest, minor), 0)}`;
}

function isCompiled(path) {
  const start = Buffer.alloc(4);
  const descriptor = openSync(path, "r");
  try {
    readSync(descriptor, start, 0, 4, 0);
  } finally {
    closeSync(descriptor);
  }
  return start.equals(Buffer.from("\x7fELF", "latin1"));
}
