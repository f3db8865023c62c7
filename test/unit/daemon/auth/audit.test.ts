// The audit log in a real store, and tokens that are revoked.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { nowMs } from "../../../../src/clock.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { authorityHandlers } from "../../../../src/daemon/api/authority.js";
import { billingHandlers } from "../../../../src/daemon/api/billing.js";
import { register } from "../../../../src/daemon/api/server/register.js";
import { createServer } from "../../../../src/daemon/api/server/server.js";
import { Audit } from "../../../../src/daemon/auth/audit.js";
import type { MungeAuthenticator } from "../../../../src/daemon/auth/munge.js";
import { TokenEpochs } from "../../../../src/daemon/auth/token-epochs.js";
import { Secrets } from "../../../../src/daemon/auth/tokens.js";
import { storeForEachTest } from "../../../support/store/store.js";

let store: Store;
let file: string;
storeForEachTest((opened, itsFile) => {
  [store, file] = [opened, itsFile];
});

let folder: string;
let secrets: Secrets;
let epochs: TokenEpochs;
let audit: Audit;
let server: FastifyInstance;
let address: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-audit-"));
  secrets = Secrets.load(join(folder, "key"));
  const log = pino({ level: "silent" });
  epochs = await TokenEpochs.load(store);
  audit = new Audit(store, log);
  const munge = {} as unknown as MungeAuthenticator;
  server = createServer({
    secrets,
    munge,
    operators: ["boss"],
    tokenMs: 1_000,
    epochs,
    audit,
    log,
  });
  const accounts = { byName: async () => null };
  register(server, {
    ...authorityHandlers({ store, accounts, epochs, audit }),
    ...billingHandlers({ store, accounts }),
  });
  address = await server.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const ada = { uid: 1_000, gid: 100, user: "ada" };
const boss = { uid: 1_001, gid: 100, user: "boss" };
const tokenOf = (who: typeof ada) => secrets.issueToken(who, nowMs() + 60_000, epochs.of(who.uid));
async function send(token: string, method: string, path: string, body?: object) {
  const answer = await fetch(`${address}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: whatever the daemon answers
  return { status: answer.status, body: (await answer.json()) as any };
}

test("only the user's own tokens become invalid when revoked, also after a restart", async () => {
  const [token, other] = [tokenOf(ada), tokenOf(boss)];
  expect((await send(token, "GET", "/v1/bill")).status).toBe(200);
  expect(await send(token, "POST", "/v1/token/revoke", {})).toMatchObject({
    status: 200,
    body: { uid: 1_000 },
  });
  expect((await send(token, "GET", "/v1/bill")).body.error).toMatchObject({
    code: "NOT_IDENTIFIED",
    message: expect.stringContaining("revoked"),
  });
  expect((await send(other, "GET", "/v1/bill")).status).toBe(200);
  expect((await send(tokenOf(ada), "GET", "/v1/bill")).status).toBe(200);
  const again = await TokenEpochs.load(store);
  expect(() => secrets.readToken(token, nowMs(), (uid) => again.of(uid))).toThrow(/revoked/);
});

test("an operator may revoke anybody's tokens, a user only their own", async () => {
  const token = tokenOf(ada);
  expect((await send(token, "POST", "/v1/token/revoke", { user: "boss" })).status).toBe(403);
  expect((await send(token, "POST", "/v1/token/revoke", { all: true })).status).toBe(403);
  expect((await send(tokenOf(boss), "POST", "/v1/token/revoke", { user: "1000" })).status).toBe(
    200,
  );
  expect((await send(token, "GET", "/v1/bill")).status).toBe(401);
  const fresh = tokenOf(ada);
  expect((await send(tokenOf(boss), "POST", "/v1/token/revoke", { all: true })).status).toBe(200);
  expect((await send(fresh, "GET", "/v1/bill")).status).toBe(401);
});

test("the log shows operators, and nobody else, who did what and what was refused", async () => {
  await send(tokenOf(boss), "GET", "/v1/bill/verify");
  await send(tokenOf(ada), "GET", "/v1/bill/verify");
  expect((await send(tokenOf(ada), "GET", "/v1/audit")).status).toBe(403);
  const { body } = await send(tokenOf(boss), "GET", "/v1/audit");
  expect(body.events).toMatchObject([
    { action: "refuse", uid: 1_000, subject: "GET /v1/audit", source: "127.0.0.1" },
    { action: "refuse", uid: 1_000, user: "ada", operator: false, subject: "GET /v1/bill/verify" },
    { action: "verify", uid: 1_001, user: "boss", operator: true },
  ]);
  const own = await send(tokenOf(boss), "GET", "/v1/audit?user=1000&action=refuse&limit=1");
  expect(own.body.events).toHaveLength(1);
});

test("a flood of a user's actions is summed up, while an operator's actions are all recorded", async () => {
  const events = async () => store.listAudit({ limit: 1_000 });
  for (let act = 0; act < 100; act++) {
    audit.note({ ...ada, operator: false }, "here", { action: "submit" });
    audit.note({ ...boss, operator: true }, "here", { action: "drain" });
  }
  audit.close();
  await audit.written();
  const found = await events();
  const of = (action: string) => found.filter((event) => event.action === action);
  expect(of("drain")).toHaveLength(100);
  expect(of("submit").length).toBeLessThanOrEqual(60 * 2);
  const counted = of("more").reduce((sum, { detail }) => sum + Number.parseInt(detail, 10), 0);
  expect(of("submit").length + counted).toBe(100);
});

test("events are never changed; old ones are removed, those of users first", async () => {
  const event = { uid: 1, user: "a", source: "", subject: "", detail: "" };
  for (let atMs = 0; atMs < 10; atMs++)
    await store.saveAudit({ ...event, atMs, operator: atMs % 2 === 0, action: "drain" });
  const database = new Database(file);
  expect(() => database.exec("UPDATE audit_event SET user = 'b'")).toThrow("never changed");
  database.close();
  expect(await store.pruneAudit(4, 100, 100)).toBe(4);
  expect(await store.pruneAudit(4, 4, 100)).toBe(2);
  const left = await store.listAudit({ limit: 100 });
  expect(left.map(({ atMs }) => atMs)).toEqual([9, 8, 6, 4]);
});
