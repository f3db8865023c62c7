// Makes the three packages from dist/, for Debian and, where rpmbuild is, for RPM: reads the
// options, and builds each package in a folder of its own that is removed at the end.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { debianChangelog } from "./changelog.mjs";
import { packages } from "./contents.mjs";
import { controlFiles } from "./control.mjs";
import { copyrightText } from "./copyright.mjs";
import { hasRpmbuild, makeRpm } from "./rpm.mjs";
import { Tree } from "./tree.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

try {
  main();
} catch (thrown) {
  console.error(`No packages were made: ${thrown instanceof Error ? thrown.message : thrown}`);
  process.exitCode = 1;
}

function main() {
  const options = readOptions();
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const build = {
    root,
    version: `${version}-${options.revision}`,
    architecture: run("dpkg", ["--print-architecture"]).trim(),
    epochSeconds: epochSeconds(),
    maintainer: maintainer(process.env),
  };
  const folder = resolve(options.out);
  mkdirSync(folder, { recursive: true });
  const copyright = copyrightText(root);
  const changelog = debianChangelog(readFileSync(join(root, "CHANGELOG.md"), "utf8"), build);
  for (const each of packages.filter(({ name }) => options.names.includes(name))) {
    const work = mkdtempSync(join(tmpdir(), "gleaner-package-"));
    try {
      for (const file of makePackages(each, { ...build, copyright, changelog, work }, options)) {
        const made = join(folder, file);
        // From a file system to another one rename does not work.
        run("mv", ["-f", join(work, file), `${made}.new`]);
        renameSync(`${made}.new`, made);
        console.log(made);
      }
    } finally {
      rmSync(work, { recursive: true });
    }
  }
}

/** Without Node's advice about positional arguments. */
function parsed(options) {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (cause) {
    throw new Error(`${cause.message.split(". ")[0]}; see scripts/package --help`, { cause });
  }
}

function readOptions() {
  const { values, positionals } = parsed({
    out: { type: "string", default: join(root, "dist/packages") },
    revision: { type: "string", default: "1" },
    fast: { type: "boolean", default: false },
    deb: { type: "boolean", default: false },
  });
  if (!/^[1-9][0-9]{0,8}$/.test(values.revision))
    throw new Error(`invalid --revision '${values.revision}': expected a number such as 2`);
  const names = packages.map(({ name }) => name);
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new Error(`there is no package ${unknown}; name some of ${names.join(", ")}`);
  return { ...values, names: positionals.length > 0 ? positionals : names };
}

/** Who answers for the packages at this site, as Debian's tools are told. */
function maintainer({ DEBFULLNAME = "Gleaner", DEBEMAIL = "gleaner@localhost" }) {
  return `${DEBFULLNAME} <${DEBEMAIL}>`;
}

/** All times in the packages are that of the last commit, or what SOURCE_DATE_EPOCH says. */
function epochSeconds() {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^[0-9]+$/.test(given)) return Number(given);
  const { status, stdout } = spawnSync("git", ["-C", root, "log", "-1", "--format=%ct"], {
    encoding: "utf8",
  });
  if (status === 0) return Number(stdout);
  throw new Error("this is no git checkout: set SOURCE_DATE_EPOCH to the time of the release");
}

/** Returns the names of the files in `build.work`. */
function makePackages(each, build, { fast, deb }) {
  const tree = makeTree(each, build);
  const files = [makeDeb(each, build, tree, fast)];
  if (!deb && hasRpmbuild()) files.push(makeRpm(each, build, tree, fast));
  return files;
}

function makeTree(each, build) {
  const tree = new Tree(join(build.work, "tree"));
  each.fill(tree, build);
  tree.write(`/usr/share/doc/${each.name}/copyright`, build.copyright);
  tree.writeCompressed(
    `/usr/share/doc/${each.name}/changelog.Debian.gz`,
    build.changelog(each.name),
  );
  tree.copyCompressed(join(build.root, "CHANGELOG.md"), `/usr/share/doc/${each.name}/changelog.gz`);
  tree.write(`/usr/share/lintian/overrides/${each.name}`, overridesOf(build, each));
  for (const { name, text, mode } of controlFiles(each, build, tree))
    tree.write(`/DEBIAN/${name}`, text, mode);
  return tree;
}

function makeDeb(each, build, tree, fast) {
  const file = `${each.name}_${build.version}_${build.architecture}.deb`;
  const compression = fast ? ["-Zgzip", "-z1"] : ["-Zxz"];
  run("dpkg-deb", ["--root-owner-group", ...compression, "--build", tree.path, file], {
    cwd: build.work,
    env: { ...process.env, SOURCE_DATE_EPOCH: String(build.epochSeconds) },
  });
  return file;
}

/** Each line of the list, for this package. */
function overridesOf({ root: folder }, { name }) {
  const list = readFileSync(join(folder, "scripts/packages/lintian-overrides"), "utf8");
  return list.replace(/^(?=[a-z])/gm, `${name}: `);
}

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    ...options,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr.trim()}`);
  return stdout;
}
