// TLS on a real site: glean, gleanerd and an executor with certificates of openssl's.

import { rmSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type Certificates, makeCertificates } from "../support/daemon/certificates.js";
import { type TestSite, testSite } from "../support/site/site.js";

jest.setTimeout(80_000);
let at: TestSite;
let certificates: Certificates;

beforeAll(async () => {
  certificates = makeCertificates(["IP:127.0.0.1"]);
  const listen = { tls: certificates.files };
  at = await testSite({ nodes: 1, cpus: 2, memoryMb: 4_000, config: { listen } });
});
afterAll(async () => {
  await at?.site.stop();
  if (certificates !== undefined) rmSync(certificates.folder, { recursive: true });
});

/** What a port answers to bytes that are no TLS. */
const answerOf = (port: number): Promise<string> =>
  new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1");
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
    });
    socket.on("error", () => {}).on("close", () => resolve(text));
    socket.write("GET /v1/challenge HTTP/1.0\r\n\r\n");
  });

test("a function is submitted, run and reported through encrypted connections only", async () => {
  const [ended] = await at.ended(await at.submit(["--wrap", "true", "-o", "/dev/null"]));
  expect(ended).toMatchObject({ state: "COMPLETED", exitCode: 0 });
  for (const port of [at.site.ports.apiPort, at.site.ports.executorPort])
    expect(await answerOf(port)).not.toMatch(/nonce|HTTP\/1\.[01] 200/);
});

test("executors reconnect to a restarted gleanerd", async () => {
  const id = await at.submit(["--wrap", "sleep 5", "-o", "/dev/null"]);
  await at.runs(id);
  await at.site.endDaemon("SIGKILL");
  await at.site.startDaemon();
  const [ended] = await at.ended(id);
  expect(ended).toMatchObject({ state: "COMPLETED", attempt: 1 });
});
