// `glean doctor`: checks the installation on this machine and in gleanerd.

import { GleanerError, messageOf } from "../../../model/errors.js";
import { type DoctorCheck, makeCredential } from "../../../sdk/index.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { type Column, json, print, table } from "../../output.js";

export const define: Define = (command, run) => {
  command
    .option("--json", "one JSON document")
    .addHelpText("after", "\nExit status: 1 if a check failed, 3 if gleanerd does not answer.")
    .action(run(doctor));
};

async function doctor(context: Context, options: { json?: boolean }): Promise<number> {
  const { checks, unreachable } = await examine(context);
  if (options.json) print(json({ checks }));
  else print(table(checks, columns, true));
  if (unreachable) return exitStatus.unreachable;
  return checks.some(({ status }) => status === "failed") ? exitStatus.failed : exitStatus.done;
}

/** Local checks come first, so that they are shown even if gleanerd does not answer. */
async function examine(context: Context): Promise<{ checks: DoctorCheck[]; unreachable: boolean }> {
  const checks: DoctorCheck[] = [];
  const check = async <T>(name: string, work: () => Promise<T>, detail: (value: T) => string) => {
    try {
      const value = await work();
      checks.push({ name, status: "ok", detail: detail(value) });
      return { value, error: null };
    } catch (error) {
      checks.push({ name, status: "failed", detail: messageOf(error) });
      return { value: null, error };
    }
  };
  const { value: settings } = await check(
    "configuration (here)",
    () => context.settings(),
    ({ configFile }) => configFile,
  );
  if (settings === null) return { checks, unreachable: false };
  await check(
    "munge (here)",
    () => makeCredential(settings.munge, "doctor"),
    () => "issues credentials",
  );
  const { host, port } = settings.address;
  const { value: answer, error } = await check(
    "gleanerd",
    async () => (await context.client()).doctor(),
    () => `answers on ${host} port ${port}`,
  );
  checks.push(...(answer?.checks ?? []));
  const unreachable = error instanceof GleanerError && error.code === "UNREACHABLE";
  return { checks, unreachable };
}

const columns: readonly Column<DoctorCheck>[] = [
  { title: "CHECK", text: ({ name }) => name },
  { title: "STATUS", text: ({ status }) => status },
  { title: "DETAIL", text: ({ detail }) => detail },
];
