// How an attached command is started: the program that carries its streams takes its place, and
// gets the client's address and the key on standard input, where nobody else can read them.

import type { AttachedCommand, AttemptOrder } from "../../wire/messages.js";
import { encodeFields } from "../../wire/worker/fields.js";
import type { SpawnOrder } from "./spawn-request.js";

type Start = Required<Pick<SpawnOrder, "command" | "input">> &
  Pick<SpawnOrder, "notice" | "stdoutPath" | "stderrPath">;

/** `program`: src/runtimes/attach. */
export function attachStart(
  { invocation, attempt, notice }: AttemptOrder,
  { argv, tasks, client, key }: AttachedCommand,
  program: string,
): Start {
  const input = encodeFields({
    attempt: `${invocation}.${attempt}`,
    key: Buffer.from(key).toString("hex"),
    tasks,
    hosts: client.hosts.join(","),
    port: client.port,
    socket: client.socket,
    bootId: client.bootId,
    ...(notice !== null && { notice: notice.signal, noticeMain: notice.mainOnly ? 1 : 0 }),
  });
  return {
    command: { kind: "argv", argv: [program, ...argv] },
    input,
    // It tells the client of the notice and passes the signal on.
    notice: notice && { ...notice, mainOnly: true },
    stdoutPath: "/dev/null",
    stderrPath: "/dev/null",
  };
}
