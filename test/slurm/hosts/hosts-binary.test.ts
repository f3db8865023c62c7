// A host without Node: the executor that is brought there is a single file with Node in it.

import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { makeBinary } from "../../../scripts/bundle/binary.mjs";
import { makeBundles } from "../../../scripts/bundle/bundles.mjs";
import { type HostSite, startHostSite } from "../../support/site/host-site.js";

jest.setTimeout(240_000);
let folder: string;
let all: HostSite;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-binary-"));
  await makeBundles(["glean-executor"], folder, "0.0.0");
  makeBinary(folder);
  all = await startHostSite({
    nodes: 1,
    cpus: 4,
    without: [process.execPath],
    ssh: { executor: "binary" },
    config: { programs: { executor: join(folder, "glean-executor") } },
  });
  writeFileSync(all.knownHosts, `${all.hosts.n1!.address} ${all.sshds.n1!.hostKeys.ed25519}\n`);
});
afterAll(async () => {
  await all?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("functions run on a host that has no Node", async () => {
  const host = all.hosts.n1!;
  expect(() => host.run(process.execPath, "--version")).toThrow();
  const id = await all.at.submit(["-o", "seen", "--wrap=hostname"]);
  expect((await all.at.ended(id))[0]).toMatchObject({ state: "COMPLETED", node: "n1" });
  expect(await all.at.text("seen")).toBe("n1\n");
  const [version] = readdirSync(host.path(all.brought));
  const binary = join(all.brought, version!, "glean-executor");
  const programs = host.processes().map(({ pid }) => readlinkSync(`/proc/${pid}/exe`));
  expect(programs).toContain(binary);
});
