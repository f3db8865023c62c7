// The copyright file of the packages: Gleaner's own licence, then those of Node and of the npm
// packages that are in the bundles.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const own = `Gleaner is licensed under the Apache License, Version 2.0. On Debian systems its text is in
/usr/share/common-licenses/Apache-2.0.

Copyright: the authors of Gleaner.

The programs contain works of others, with the following licences.
`;

export function copyrightText(root) {
  const works = [{ name: "Node.js", licence: licenceOfNode() }, ...npmPackages(root)];
  return [own, ...works.map(({ name, licence }) => `== ${name}\n\n${licence.trim()}\n`)].join("\n");
}

/** Where Node's own archives and Debian's packages of it have its licence. */
function licenceOfNode() {
  const prefix = dirname(dirname(process.execPath));
  const places = [join(prefix, "LICENSE"), join(prefix, "share/doc/nodejs/LICENSE")];
  const found = [...places, join(prefix, "share/doc/nodejs/copyright")].find(existsSync);
  if (found !== undefined) return readFileSync(found, "utf8");
  return `https://github.com/nodejs/node/blob/${process.version}/LICENSE`;
}

/** All that package.json depends on at run time, as package-lock.json lists them. */
function npmPackages(root) {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== "" && !entry.dev && existsSync(join(root, path)))
    .map(([path, { version, license }]) => {
      const folder = join(root, path);
      const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
      const licence = file === undefined ? license : readFileSync(join(folder, file), "utf8");
      return { name: `${path.replace(/^.*node_modules\//, "")} ${version}`, licence: `${licence}` };
    });
}
