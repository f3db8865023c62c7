// The service gleanerd of the package: started after glean setup, ended before --undo. Where there
// is none, the sentences say what to do by hand.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { Launcher } from "./answers.js";
import { removeFile, replaceFile, textOf } from "./files.js";

/** Where the package gleaner-controller has its programs. */
export const packageFolder = "/usr/lib/gleaner";

const dropIn = "/etc/systemd/system/gleanerd.service.d/gleaner-setup.conf";

/** Executors that are gleanerd's own children need a service without its sandbox. */
export function configureService(launcher: Launcher, programFolder: string): void {
  if (programFolder !== packageFolder) return;
  const source = join(programFolder, "gleanerd-local.conf");
  if (launcher === "local" && existsSync(source)) replaceFile(dropIn, textOf(source));
  else removeDropIn();
}

/** The folder stays if the site has settings of its own in it. */
function removeDropIn(): void {
  removeFile(dropIn);
  const folder = dirname(dropIn);
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

/** Returns one sentence about it. */
export function startService(programFolder: string): string {
  if (!hasService(programFolder))
    return "Start gleanerd as your site starts services; the package has it as /usr/sbin/gleanerd.";
  systemctl("daemon-reload");
  systemctl("enable", "gleanerd.service");
  systemctl("restart", "gleanerd.service");
  return "gleanerd runs, also after the next boot.";
}

export function endService(programFolder: string): string {
  if (programFolder === packageFolder) removeDropIn();
  if (!hasService(programFolder)) return "End gleanerd, if it runs.";
  systemctl("daemon-reload");
  systemctl("disable", "--now", "gleanerd.service");
  return "gleanerd is stopped; executors leave their nodes by themselves within 30 s.";
}

const hasService = (programFolder: string): boolean =>
  programFolder === packageFolder && existsSync("/run/systemd/system");

function systemctl(...words: string[]): void {
  try {
    execFileSync("systemctl", words, { stdio: ["ignore", "ignore", "pipe"] });
  } catch (cause) {
    const text = messageOf(cause).replace(/\s+/g, " ");
    throw new GleanerError(
      "BAD_REQUEST",
      `systemctl ${words.join(" ")} failed (${text}): see journalctl -u gleanerd`,
      { cause },
    );
  }
}
