// The doctor's checks of users: who may run functions with pilots, and that the users, groups and
// accounts of the section access exist. A mistyped name would allow or deny nobody, without a word.

import { userInfo } from "node:os";
import type { Config } from "../../config.js";
import { Semaphore } from "../../limits/semaphore.js";
import { messageOf } from "../../model/errors.js";
import { uidIn } from "../../model/user.js";
import type { DoctorCheck } from "../../wire/api/types.js";
import type { Accounts } from "./accounts.js";

export type Directories = Pick<Accounts, "byName" | "groupNamed" | "hasSlurmAccount">;

export function checkFunctionUsers(): DoctorCheck {
  const name = "users of functions";
  const { uid, username } = userInfo();
  const detail =
    uid === 0
      ? "of all users: gleanerd and its pilots run as root"
      : `of ${username} only: gleanerd and its pilots run as that user`;
  return { name, status: "ok", detail };
}

interface Named {
  readonly key: string;
  readonly name: string;
  readonly what: string;
  readonly exists: () => Promise<boolean>;
}

const name = "names in access";
/** Each is a process that asks the directories; together they must not flood slurmdbd. */
const askedAtOnce = 8;

/** Empty if the section names nobody. */
export async function checkNames(
  directories: Directories,
  access: Config["access"],
): Promise<DoctorCheck[]> {
  const all = namedIn(directories, access);
  if (all.length === 0) return [];
  const places = new Semaphore(askedAtOnce);
  let silence: string | null = null;
  const ask = async ({ key, name, what, exists }: Named): Promise<string[]> => {
    // A directory that hangs would delay the answer once for each name.
    if (silence !== null) return [];
    try {
      if (await exists()) return [];
    } catch (error) {
      silence ??= `not all were checked: ${messageOf(error)}`;
      return [];
    }
    return [
      `access.${key} names ${name}, which is no ${what}, so the entry has no effect: correct or remove it, and restart gleanerd`,
    ];
  };
  const problems = (await Promise.all(all.map((each) => places.run(() => ask(each))))).flat();
  if (silence !== null) problems.push(silence);
  if (problems.length === 0) return [{ name, status: "ok", detail: "all of them exist" }];
  return problems.map((detail) => ({ name, status: "warning", detail }));
}

function namedIn(directories: Directories, access: Config["access"]): Named[] {
  // A uid has its effect whether or not the directories know it.
  const users = (key: string, names: readonly string[]) =>
    names
      .filter((name) => uidIn(name) === null)
      .map((name) => {
        const exists = async () => (await directories.byName(name)) !== null;
        return { key, name, what: "user here", exists };
      });
  const groups = (key: string, names: readonly string[]) =>
    names.map((name) => {
      const exists = async () => (await directories.groupNamed(name)) === name;
      return { key, name, what: "Unix group here", exists };
    });
  const accounts = (key: string, names: readonly string[]) =>
    names.map((name) => {
      const exists = () => directories.hasSlurmAccount(name);
      return { key, name, what: "account in Slurm's accounting", exists };
    });
  const lists = (["allow", "deny"] as const).flatMap((key) => [
    ...users(`${key}.users`, access[key].users),
    ...groups(`${key}.groups`, access[key].groups),
    ...accounts(`${key}.accounts`, access[key].accounts),
  ]);
  return [
    ...lists,
    ...users("serviceUsers", access.serviceUsers),
    ...users("operators", access.operators),
  ];
}
