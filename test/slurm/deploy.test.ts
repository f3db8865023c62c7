// Functions deployed with glean on real Slurm: versions, aliases, and what is left after a removal.

import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { otherUser, type TestSite, testSite, user } from "../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;

beforeAll(async () => {
  at = await testSite({ nodes: 1, cpus: 4, memoryMb: 8_000 });
  await at.until("an executor", async () => {
    const { nodes } = await at.info();
    return nodes.every(({ executor }) => executor?.state === "ready") || undefined;
  });
});
afterAll(() => at?.site.stop());

/** Deploys code that answers with `answer`, and a function.yaml beside it; returns the version. */
async function deploy(answer: string): Promise<string> {
  const folder = join(at.work, "code");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.mjs"), `export default () => "${answer}";\n`);
  writeFileSync(join(folder, "function.yaml"), "runtime: node\nmem: 300M\ntime: 20s\n");
  const text = await as(user, "function", "deploy", "greet", folder, "--json");
  return (JSON.parse(text) as { version: string }).version;
}

const as = (who: string, ...args: string[]) => at.site.gleanOrThrow(args, { user: who });
const called = async (name: string) => (await as(user, "invoke", name, "--input", "{}")).trim();

test("a version is called by its alias and its digits until it is removed", async () => {
  const first = await deploy("one");
  expect(await called("greet")).toBe("one");
  await as(user, "function", "alias", "greet", "prod");
  await deploy("two");
  expect(await called("greet")).toBe("two");
  expect(await called("greet@prod")).toBe("one");
  expect(await called(`greet@${first.slice(0, 8)}`)).toBe("one");
  const shown = JSON.parse(await as(user, "function", "show", "greet@prod", "--json"));
  expect(shown.shown.settings).toMatchObject({ memoryMb: 300, timeLimitMs: 20_000 });
  await as(user, "function", "remove", "greet");
  const { stderr } = await at.site.glean(["invoke", "greet", "--input", "{}"], { user });
  expect(stderr).toMatch(/you have no function greet: deploy it/);
});

const write = (text: string): string => {
  const folder = join(at.work, `code-${randomUUID()}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "index.mjs"), text);
  return folder;
};
const deploys = (name: string, text: string, ...more: string[]) =>
  at.site.glean(["function", "deploy", name, write(text), ...more], { user });

test("code that cannot be loaded is not deployed, and latest stays", async () => {
  const good = await deploys("checked", "export default () => 'good';");
  expect(good.exitCode).toBe(0);
  const bad = await deploys("checked", "import './none.mjs'; export default () => 'bad';");
  expect(bad.exitCode).toBe(1);
  expect(bad.stderr).toMatch(/checked was not deployed, since .* Cannot find module .*none\.mjs/);
  const wrong = await deploys("checked", "export const other = ;");
  expect(wrong.stderr).toMatch(/checked was not deployed, since .*SyntaxError/);
  expect(await called("checked")).toBe("good");
  const shown = JSON.parse(await as(user, "function", "show", "checked", "--json"));
  expect(shown.versions).toHaveLength(1);
});

test("three calls that no worker can load stop the function until it is deployed anew", async () => {
  const flag = join(at.work, "broken");
  const text = `import { existsSync } from "node:fs";
if (existsSync("${flag}")) throw new Error("the data is gone");
export default () => "loaded";`;
  const folder = write(text);
  writeFileSync(flag, "");
  await as(user, "function", "deploy", "fragile", folder, "--mem", "200M", "--check", "none");
  const call = () => at.site.glean(["invoke", "fragile"], { user });
  for (let calls = 0; calls < 3; calls++)
    expect((await call()).stderr).toMatch(/Error: the data is gone/);
  const stopped =
    /fragile@\w{12} is stopped: workers could not load it 3 times in a row, .*: deploy it again/;
  expect((await call()).stderr).toMatch(stopped);
  expect(await as(user, "function", "list")).toMatch(/fragile .* stopped /);
  expect(await as(user, "function", "show", "fragile")).toMatch(
    /Stopped=workers could not load it/,
  );
  rmSync(flag);
  await as(user, "function", "deploy", "fragile", folder, "--mem", "200M");
  expect(await called("fragile")).toBe("loaded");
});

test("logs are the caller's own, carry their call, and are followed over a restart", async () => {
  const noisy = await deploys("noisy", "export default (n) => { console.log('got', n); };");
  expect(noisy.exitCode).toBe(0);
  await as(user, "function", "share", "noisy", "all");
  const call = (who: string, name: string, n: string) => as(who, "invoke", name, "--input", n);
  const logs = (...args: string[]) => as(user, "function", "logs", "noisy", ...args);
  await call(user, "noisy", "1");
  await call(otherUser, `${user}/noisy`, "2");
  expect(await logs()).toMatch(/^\[\d+\] got 1\n$/);
  expect(await as(otherUser, "function", "logs", `${user}/noisy`)).toMatch(/^\[\d+\] got 2\n$/);
  const { cli, config } = at.site.files;
  const logsOf = [process.execPath, cli, "--config", config, "function", "logs", "noisy", "-f"];
  const untilThree = `out=$(mktemp); "$@" > $out & until grep -q "got 3" $out; do sleep 0.1; done
kill -INT $!; wait $!; cat $out; rm $out`;
  const followed = at.site.cluster.run("sh", ["-c", untilThree, "sh", ...logsOf], {
    user,
    timeoutMs: 60_000,
  });
  await at.site.endDaemon("SIGKILL");
  await at.site.startDaemon();
  await call(user, "noisy", "3");
  const id = /\[(\d+)\] got 3\n$/.exec(await logs())![1]!;
  expect(await logs("--call", id)).toBe(`[${id}] got 3\n`);
  expect(await as(user, "show", id, "--log")).toBe("got 3\n");
  expect((await followed).stdout).toMatch(/^\[\d+\] got 1\n\[\d+\] got 3\n$/);
});

test("with --min-warm the first call finds a worker, which outlasts its idle timeout", async () => {
  const options = ["--min-warm", "2", "--idle-timeout", "1s", "--mem", "150M", "--check", "none"];
  const warm = await deploys("ready", "export default () => process.pid;", ...options);
  expect(warm.exitCode).toBe(0);
  await at.until("two starts ahead", async () => {
    const lines = (await as(user, "acct", "-n", "-P")).split("\n");
    const ended = lines.filter((line) => /warm ready/.test(line) && /COMPLETED/.test(line));
    return ended.length === 2 || undefined;
  });
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const { id } = JSON.parse(await as(user, "invoke", "ready", "--json"));
  expect(await as(user, "explain", String(id))).toMatch(/a warm worker took it/);
});

test("a check that finds no hole is given up after 30 s, and nothing is deployed or left waiting", async () => {
  await as("root", "drain", "all", "--now");
  const code = write("export default () => 1;");
  const { exitCode, stderr } = await at.site.glean(["function", "deploy", "nowhere", code], {
    user,
    timeoutMs: 60_000, // the check alone takes 30 s
  });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/no hole could run the check within 30 s.*--check local.*--check none/);
  expect(await as(user, "function", "list")).not.toMatch(/nowhere/);
  expect(await as(user, "queue")).not.toMatch(/check nowhere/);
  expect((await deploys("nowhere", "export default () => 1;", "--check", "local")).exitCode).toBe(
    0,
  );
  await as("root", "resume", "all");
});
