// The same packages for distributions with RPM, made by rpmbuild from the files of the Debian ones:
// the scripts that dpkg runs get the arguments that dpkg gives them.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { completionFolders } from "./contents.mjs";
import { oldestLibc } from "./control.mjs";

/** What a section of the spec is called, and how it knows what dpkg would tell the script. */
const scriptlets = {
  postinst: [
    "%post",
    'if [ "$1" -gt 1 ]; then set -- configure older; else set -- configure ""; fi',
  ],
  prerm: ["%preun", 'if [ "$1" = 0 ]; then set -- remove; else set -- upgrade; fi'],
  postrm: ["%postun", 'if [ "$1" = 0 ]; then set -- remove; else set -- upgrade; fi'],
};

/** Only Debian reads them. */
const isForDebian = (file) => /^\/usr\/share\/lintian\/|\/changelog\.Debian\.gz$/.test(file);

export const hasRpmbuild = () => {
  try {
    execFileSync("rpmbuild", ["--version"], { stdio: "ignore" });
    return true;
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
};

/** Makes the package of a complete tree; returns the file's name in `build.work`. */
export function makeRpm(each, build, tree, fast) {
  const top = join(build.work, "rpm");
  mkdirSync(top);
  const spec = join(top, `${each.name}.spec`);
  writeFileSync(spec, specText(each, build, tree, fast));
  const args = [
    "-bb",
    "--quiet",
    "--define",
    `_topdir ${top}`,
    "--define",
    `_rpmdir ${build.work}`,
  ];
  execFileSync("rpmbuild", [...args, spec], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(build.epochSeconds) },
  });
  return readdirSync(build.work).find((name) => name.endsWith(".rpm"));
}

/** Nothing may be changed in the files, or name this machine or the time. */
const settings = [
  "%global __os_install_post %{nil}",
  "%global debug_package %{nil}",
  "%global _build_id_links none",
  "%global _buildhost localhost",
  "%global use_source_date_epoch_as_buildtime 1",
  "%global clamp_mtime_to_source_date_epoch 1",
  "%global _rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
];

function specText(each, build, tree, fast) {
  const [version, release] = build.version.split("-");
  const needs = [`libc.so.6(GLIBC_${oldestLibc(tree)})(64bit)`, ...each.rpm.requires];
  const files = tree.files().filter((file) => !isForDebian(file));
  return [
    ...settings,
    `%global _binary_payload ${fast ? "w1.gzdio" : "w6.xzdio"}`,
    `Name: ${each.name}`,
    `Version: ${version}`,
    `Release: ${release}`,
    `Summary: ${each.summary}`,
    "License: Apache-2.0",
    `Packager: ${build.maintainer}`,
    "AutoReqProv: no",
    ...needs.map((name) => `Requires: ${name}`),
    ...each.rpm.recommends.map((name) => `Recommends: ${name}`),
    "%description",
    ...each.description,
    "%install",
    `cp -a '${tree.path}/.' '%{buildroot}/'`,
    "rm -rf '%{buildroot}/DEBIAN' '%{buildroot}/usr/share/lintian'",
    "find '%{buildroot}/usr/share/doc' -name changelog.Debian.gz -delete",
    ...scriptsOf(each, build),
    "%files",
    "%defattr(-,root,root)",
    ...foldersOf(tree, files).map((folder) => `%dir "${folder}"`),
    ...files.map(
      (file) => `${each.conffiles.includes(file) ? "%config(noreplace) " : ""}"${file}"`,
    ),
    "",
  ].join("\n");
}

function scriptsOf({ scripts }, { root }) {
  const folder = join(root, "scripts/packages/maintainer", scripts);
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const [section, told] = scriptlets[name];
      const text = readFileSync(join(folder, name), "utf8").replaceAll("%", "%%");
      return [section, told, text];
    });
}

/** The package's own folders and those for completions; also the empty ones. */
function foldersOf(tree, files) {
  const isOwn = (folder) => folder.includes("/gleaner") || completionFolders.includes(folder);
  const own = new Set(tree.folders().filter(isOwn));
  for (const file of files)
    for (let folder = dirname(file); folder.includes("/gleaner"); folder = dirname(folder))
      own.add(folder);
  return [...own].sort();
}
