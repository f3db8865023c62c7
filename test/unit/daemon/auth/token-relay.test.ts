// Who may have a token: a real munged, real API servers, and programs between them and the client
// that relay what they receive.

import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { createServer } from "../../../../src/daemon/api/server/server.js";
import { MungeAuthenticator } from "../../../../src/daemon/auth/munge.js";
import { Secrets } from "../../../../src/daemon/auth/tokens.js";
import { exchange } from "../../../../src/sdk/http/exchange.js";
import type { Address } from "../../../../src/sdk/http/request.js";
import { makeCredential } from "../../../../src/sdk/index.js";
import { Tokens } from "../../../../src/sdk/tokens.js";
import type { ChallengeAnswer, TokenAnswer } from "../../../../src/wire/api/types.js";
import { credentialPayload, shownEndpoint } from "../../../../src/wire/munge/credential.js";
import { stubAuthority } from "../../../support/daemon/authority.js";
import { Munged } from "../../../support/daemon/munged.js";

const munged = new Munged();
beforeAll(() => munged.start());
afterAll(() => munged.stop());

let folder: string;
let daemon: FastifyInstance;
let other: FastifyInstance;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-relay-"));
  [daemon, other] = await Promise.all([serve("key"), serve("otherKey")]);
});
afterEach(async () => {
  await Promise.all([daemon.close(), other.close()]);
  rmSync(folder, { recursive: true });
});

async function serve(key: string): Promise<FastifyInstance> {
  const server = createServer({
    ...stubAuthority,
    secrets: Secrets.load(join(folder, key)),
    munge: new MungeAuthenticator(munged.socket),
    operators: [],
    tokenMs: 60_000,
    log: pino({ level: "silent" }),
  });
  await server.listen({ host: "127.0.0.1", port: 0 });
  return server;
}

const addressOf = (server: FastifyInstance): Address => ({
  host: "127.0.0.1",
  port: (server.server.address() as AddressInfo).port,
});
const tokens = (address: Address) =>
  new Tokens({ address, munge: munged.options, cacheDirectory: null, cacheKey: "" });
const challenge = async (at: FastifyInstance) =>
  (await exchange(addressOf(at), { method: "GET", path: "/v1/challenge" })) as ChallengeAnswer;
const credentialFor = async (address: Address, answers: ChallengeAnswer) =>
  makeCredential(
    munged.options,
    credentialPayload({ address: shownEndpoint(address), ...answers }),
  );
const redeem = async (at: FastifyInstance, credential: string) =>
  (await exchange(addressOf(at), {
    method: "POST",
    path: "/v1/token",
    body: { credential },
  })) as TokenAnswer;

/** Listens on a port of its own and passes every byte on to `target`, both ways. */
async function relayTo(target: Address): Promise<{ address: Address; server: Server }> {
  const server = createTcpServer((victim) => {
    const onward = connect(target.port, target.host);
    victim.pipe(onward).pipe(victim);
    victim.on("error", () => onward.destroy());
    onward.on("error", () => victim.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    server,
  };
}

test("a client that connects to gleanerd directly gets a token", async () => {
  await expect(tokens(addressOf(daemon)).get()).resolves.toMatch(/^[\w-]+\.[\w-]+$/);
});

test("a program that relays a client's bytes to gleanerd gets no token", async () => {
  const { address, server } = await relayTo(addressOf(daemon));
  await expect(tokens(address).get()).rejects.toMatchObject({
    code: "NOT_IDENTIFIED",
    message: expect.stringMatching(/made for 127\.0\.0\.1:\d+ and arrived at .* relayed it/),
  });
  server.close();
});

test("a fake gleanerd that hands out the real one's challenges gets no token", async () => {
  const given = await challenge(daemon);
  const { address, server } = await relayTo(addressOf(daemon));
  const stolen = await credentialFor(address, given);
  await expect(redeem(daemon, stolen)).rejects.toThrow(/relayed it/);
  server.close();
});

test("a credential for one gleanerd is refused by another", async () => {
  const here = addressOf(other);
  await expect(redeem(other, await credentialFor(here, await challenge(daemon)))).rejects.toThrow(
    /made for another gleanerd/,
  );
  const { nonce } = await challenge(daemon);
  const { instance } = await challenge(other);
  const mixed = await credentialFor(here, { nonce, instance });
  await expect(redeem(other, mixed)).rejects.toThrow(/not from this gleanerd/);
});

test("a challenge is accepted once", async () => {
  const given = await challenge(daemon);
  const credential = () => credentialFor(addressOf(daemon), given);
  await expect(redeem(daemon, await credential())).resolves.toMatchObject({ validMs: 60_000 });
  await expect(redeem(daemon, await credential())).rejects.toThrow(/was used already/);
});

test.each(["gleaner-token-request-1", "", "another service"])(
  "a credential that says %j names no challenge",
  async (payload) => {
    const credential = await makeCredential(munged.options, payload);
    await expect(redeem(daemon, credential)).rejects.toThrow(/another service/);
  },
);

test("a program in gleanerd's place cannot decode a client's credential", async () => {
  // As an ordinary user's program would: munge lets only munge.daemonUser decode it.
  const credential = await makeCredential({ ...munged.options, daemonUser: "nobody" }, "x");
  await expect(new MungeAuthenticator(munged.socket).identify(credential)).rejects.toThrow(
    /Unauthorized credential/,
  );
});
