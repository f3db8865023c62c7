// Freezes the migrations for a release: adds their SHA-256 to
// src/store/sqlite/frozen-migrations.json, and never changes one.
//
//   node scripts/lib/freeze-migrations.mjs            at a release, once package.json names it
//   node scripts/lib/freeze-migrations.mjs --check    exits with 1 if a migration was changed or is
//                                                     not frozen yet

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = join(root, "src/store/sqlite/migrations");
const list = join(root, "src/store/sqlite/frozen-migrations.json");
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));
const hashOf = (name) =>
  createHash("sha256")
    .update(readFileSync(join(folder, name)))
    .digest("hex");

const { version } = readJson(join(root, "package.json"));
/** `version`: the release that froze last. */
const frozen = readJson(list);

/** A sentence for each released migration that is not there as it was released. */
function findChanges() {
  const advice = "a released migration must not change; add a new one";
  return Object.entries(frozen.migrations)
    .filter(([name, hash]) => !existsSync(join(folder, name)) || hashOf(name) !== hash)
    .map(([name]) => `${name} differs from its released version: ${advice}`);
}

function freeze() {
  const names = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  const added = names.filter((name) => !Object.hasOwn(frozen.migrations, name)).sort();
  const migrations = {
    ...frozen.migrations,
    ...Object.fromEntries(added.map((name) => [name, hashOf(name)])),
  };
  writeFileSync(list, `${JSON.stringify({ version, migrations }, null, 2)}\n`);
  console.log(`Frozen for ${version}: ${added.join(", ") || "no new migration"}.`);
}

const isCheck = process.argv.includes("--check");
const complaints = findChanges();
if (isCheck && frozen.version !== version)
  complaints.push(
    `the migrations of ${version} are not frozen: run node scripts/lib/freeze-migrations.mjs`,
  );
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;
else if (!isCheck) freeze();
