// A test site's gleanerd that does not end: the error says where its log is, and it can still be
// ended.

import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { Cluster } from "../../../scripts/cluster/cluster.js";
import { until } from "../../../scripts/cluster/until.js";
import { claimSitePorts, siteFiles } from "../../../scripts/site/settings.js";
import { Site } from "../../../scripts/site/site.js";

let folder: string;
let site: Site;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-site-"));
  const files = siteFiles(folder);
  mkdirSync(files.home);
  const ports = await claimSitePorts();
  // It listens, as gleanerd does, and hears no signal that can be ignored.
  const program = join(folder, "deaf.cjs");
  const listening = `require("node:net").createServer().listen(${ports.apiPort}, "127.0.0.1")`;
  const deaf = `for (const each of ["SIGTERM", "SIGINT"]) process.on(each, () => {});`;
  writeFileSync(program, `${deaf}\nconsole.log("waits for n1");\n${listening};\n`);
  const cluster = { env: process.env } as unknown as Cluster;
  site = new Site(cluster, files, ports, "127.0.0.1", { account: null, program });
  await site.startDaemon();
});
afterEach(async () => {
  await site.endDaemon("SIGKILL");
  site.ports.release();
  rmSync(folder, { recursive: true });
});

test("the wait for gleanerd's exit has a time limit, and its error names the log", async () => {
  const { daemonLog } = site.files;
  await expect(site.endDaemon("SIGTERM", 1)).rejects.toThrow(
    `gleanerd (pid ${site.daemonPid}) did not end within 1 ms of SIGTERM; its log ${daemonLog} ends:\nwaits for n1`,
  );
});

test("gleanerd can still be stopped afterwards", async () => {
  await expect(site.endDaemon("SIGINT", 1)).rejects.toThrow("did not end within 1 ms");
  await site.endDaemon("SIGKILL");
  const again = createServer().listen(site.ports.apiPort, "127.0.0.1");
  await once(again, "listening");
  again.close();
});

test("a second daemon is refused while the first runs, or if its port is taken", async () => {
  await expect(site.startDaemon()).rejects.toThrow(`gleanerd runs already (pid ${site.daemonPid})`);
  await site.endDaemon("SIGKILL");
  const other = createServer().listen(site.ports.apiPort, "127.0.0.1");
  await once(other, "listening");
  await expect(site.startDaemon()).rejects.toThrow(`port ${site.ports.apiPort} is taken`);
  other.close();
});

test("a daemon that exited by itself is reported, a stopped one is not", async () => {
  site.assertDaemonDidNotCrash();
  process.kill(site.daemonPid, "SIGKILL");
  await until(
    10_000,
    () => {
      try {
        site.assertDaemonDidNotCrash();
        return undefined;
      } catch (thrown) {
        return thrown as Error;
      }
    },
    () => new Error("the end of the daemon was not seen"),
  ).then((thrown) => expect(thrown.message).toContain("gleanerd ended by itself (SIGKILL)"));
  await site.startDaemon();
  await site.endDaemon("SIGKILL");
  site.assertDaemonDidNotCrash();
});
