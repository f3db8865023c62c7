// TLS with real certificates: who is trusted, on the API and between executor and gleanerd, and
// which files are refused.

import { X509Certificate } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { createServer } from "../../../../src/daemon/api/server/server.js";
import { MungeAuthenticator } from "../../../../src/daemon/auth/munge.js";
import { checkEncryption, loadTls } from "../../../../src/daemon/auth/tls.js";
import { Secrets } from "../../../../src/daemon/auth/tokens.js";
import { executorId } from "../../../../src/model/ids.js";
import { exchange } from "../../../../src/sdk/http/exchange.js";
import type { Address } from "../../../../src/sdk/http/request.js";
import { Tokens } from "../../../../src/sdk/tokens.js";
import { acceptExecutor, connectToDaemon } from "../../../../src/wire/handshake.js";
import { stubAuthority } from "../../../support/daemon/authority.js";
import { type Certificates, makeCertificates } from "../../../support/daemon/certificates.js";
import { Munged } from "../../../support/daemon/munged.js";

let here: Certificates;
let elsewhere: Certificates;
let folder: string;
let server: FastifyInstance;
const munged = new Munged();
beforeAll(async () => {
  munged.start();
  here = makeCertificates(["IP:127.0.0.1"]);
  elsewhere = makeCertificates(["IP:192.0.2.1", "DNS:elsewhere.example"]);
  folder = mkdtempSync(join(tmpdir(), "gleaner-tls-key-"));
  server = createServer({
    ...stubAuthority,
    secrets: Secrets.load(join(folder, "key")),
    munge: new MungeAuthenticator(munged.socket),
    operators: [],
    tokenMs: 60_000,
    tls: loadTls(here.files),
    log: pino({ level: "silent" }),
  });
  await server.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  munged.stop();
  await server.close();
  for (const each of [here.folder, elsewhere.folder, folder]) rmSync(each, { recursive: true });
});

const address = (tls?: Address["tls"]): Address => ({
  host: "127.0.0.1",
  port: (server.server.address() as AddressInfo).port,
  tls,
});
const challenge = (at: Address) => exchange(at, { method: "GET", path: "/v1/challenge" });

describe("the API", () => {
  test("gives a token to a client that trusts the authority, bound as without TLS", async () => {
    const tls = { caFile: here.files.ca, name: "127.0.0.1" };
    const tokens = new Tokens({
      address: address(tls),
      munge: munged.options,
      cacheDirectory: null,
      cacheKey: "",
    });
    await expect(tokens.get()).resolves.toMatch(/^[\w-]+\.[\w-]+$/);
  });

  test.each<[string, () => Address["tls"]]>([
    ["another authority", () => ({ caFile: elsewhere.files.ca, name: "127.0.0.1" })],
    ["another name", () => ({ caFile: here.files.ca, name: "elsewhere.example" })],
  ])("is not sent anything by a client that expects %s, which says so", async (_what, tls) => {
    await expect(challenge(address(tls()))).rejects.toMatchObject({
      code: "PROTOCOL",
      message: expect.stringMatching(
        /did not prove its identity by TLS .*: check listen\.host.* clock/,
      ),
    });
  });

  test("reveals nothing to a client without TLS", async () => {
    await expect(challenge(address())).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
});

describe("an executor", () => {
  const secret = "ab".repeat(32);
  const executor = executorId("n1.x");

  /** gleanerd's end; resolves with the port. */
  async function listen(isEncrypted: boolean, accepted: (outcome: Promise<unknown>) => void) {
    const onSocket = (socket: Socket) => accepted(acceptExecutor(socket, () => secret));
    const listening = isEncrypted
      ? createTlsServer({ ...loadTls(here.files)! }, onSocket)
      : createTcpServer(onSocket);
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    return { port: (listening.address() as AddressInfo).port, close: () => listening.close() };
  }
  const connect = (port: number, ca?: string) =>
    connectToDaemon({ host: "127.0.0.1", port, executor, secret, ca });
  const caOf = ({ files }: Certificates) => readFileSync(files.ca, "utf8");

  test("and gleanerd prove themselves to each other through TLS", async () => {
    const outcomes: Promise<unknown>[] = [];
    const { port, close } = await listen(true, (outcome) => outcomes.push(outcome));
    const connection = await connect(port, caOf(here));
    await expect(outcomes[0]).resolves.toMatchObject({ executor });
    await connection.close();
    close();
  });

  test("that trusts another authority, or uses no TLS, does not connect", async () => {
    const { port, close } = await listen(true, (outcome) => void outcome.catch(() => {}));
    await expect(connect(port, caOf(elsewhere))).rejects.toMatchObject({ code: "UNREACHABLE" });
    await expect(connect(port)).rejects.toMatchObject({ code: "UNREACHABLE" });
    close();
  });

  test("that expects TLS does not talk without it", async () => {
    const { port, close } = await listen(false, (outcome) => void outcome.catch(() => {}));
    await expect(connect(port, caOf(here))).rejects.toMatchObject({ code: "UNREACHABLE" });
    close();
  });
});

describe("gleanerd refuses", () => {
  test("a private key that others can read", () => {
    chmodSync(elsewhere.files.privateKey, 0o640);
    expect(() => loadTls(elsewhere.files)).toThrow(/others can read .*key\.pem: chmod 600/);
    chmodSync(elsewhere.files.privateKey, 0o600);
  });

  test("to report its certificate as good if it expires soon, has expired, or is not yet valid", () => {
    const of = (days: number) => {
      const endsAtMs = Date.parse(
        new X509Certificate(readFileSync(here.files.certificate)).validTo,
      );
      return checkEncryption(here.files, endsAtMs - days * 86_400_000);
    };
    expect(of(20)).toMatchObject({ status: "ok", detail: expect.stringMatching(/until 2/) });
    expect(of(10)).toMatchObject({ status: "warning", detail: expect.stringMatching(/renew/) });
    expect(of(-1)).toMatchObject({ status: "failed", detail: expect.stringMatching(/expired/) });
    const early = { status: "failed", detail: expect.stringMatching(/not valid before 2.* clock/) };
    expect(of(1_000)).toMatchObject(early);
    expect(checkEncryption(null, 0)).toMatchObject({ status: "ok" });
  });

  test("a key of another certificate, and a file that is missing", () => {
    const mixed = { ...here.files, privateKey: elsewhere.files.privateKey };
    expect(() => loadTls(mixed)).toThrow(/do not match/);
    expect(() => loadTls({ ...here.files, ca: "/nowhere" })).toThrow(/listen\.tls\.ca: .*ENOENT/);
  });
});
