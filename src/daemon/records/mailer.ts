// Sends the mails that submissions ask for with --mail-type, through the site's mailer.

import { spawn } from "node:child_process";
import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { Semaphore } from "../../limits/semaphore.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import { displayId, type Invocation, type Mail, submissionIdOf } from "../../model/invocation.js";
import type { Events } from "../state/events.js";

/** A mail server that is slow holds up nobody but these. */
const maxSending = 4;
const maxWaiting = 1_000;
const sendingMs = 60_000;

/** A submission that wants mail and has not ended. */
interface Wanted {
  readonly mail: Mail;
  readonly first: Invocation;
  hasBegun: boolean;
  ended: number;
  failed: number;
}

type Send = (subject: string, address: string) => Promise<void>;

export class Mailer {
  private readonly wanted = new Map<InvocationId, Wanted>();
  private readonly sending = new Semaphore(maxSending, {
    most: maxWaiting,
    refusal: "too many mails wait to be sent",
  });
  private readonly unsent = new LogRateLimit();

  constructor(
    events: Events,
    private readonly log: Pick<Logger, "warn">,
    private readonly send: Send,
  ) {
    events.subscribe(["mailWanted"], ({ invocation, mail }) => {
      const id = submissionIdOf(invocation);
      if (!this.wanted.has(id))
        this.wanted.set(id, { mail, first: invocation, hasBegun: false, ended: 0, failed: 0 });
    });
    events.subscribe(["invocationBegan"], ({ id, array }) => this.began(array ?? id));
    events.subscribe(["invocationEnded"], ({ invocation }) => this.ended(invocation));
    events.subscribe(["arrayEnded"], ({ array }) => this.arrayEnded(array));
  }

  private began(id: InvocationId): void {
    const wanted = this.wanted.get(id);
    if (wanted === undefined || wanted.hasBegun) return;
    wanted.hasBegun = true;
    const { mail, first } = wanted;
    const queued = spanOf(nowMs() - first.submittedAtMs);
    if (mail.on.includes("begin")) this.tell(wanted, id, `Began, Queued time ${queued}`);
  }

  private ended(invocation: Invocation): void {
    const id = submissionIdOf(invocation);
    const wanted = this.wanted.get(id);
    if (wanted === undefined) return;
    const { state, exitCode, arrayJobId, wallMs } = invocation;
    const hasFailed = state !== "COMPLETED";
    wanted.ended++;
    if (hasFailed) wanted.failed++;
    const isWhole = arrayJobId === null;
    if (isWhole || wanted.mail.eachTask)
      this.tellEnd(
        wanted,
        displayId(invocation),
        hasFailed,
        `Run time ${spanOf(wallMs ?? 0)}, ${state}, ExitCode ${exitCode ?? 0}`,
      );
    if (isWhole) this.wanted.delete(id);
  }

  private arrayEnded(id: InvocationId): void {
    const wanted = this.wanted.get(id);
    this.wanted.delete(id);
    if (wanted === undefined || wanted.mail.eachTask) return;
    const { ended, failed } = wanted;
    const how = failed === 0 ? "COMPLETED" : `${failed} of ${ended} tasks failed`;
    this.tellEnd(wanted, `${id}_*`, failed > 0, how);
  }

  private tellEnd(wanted: Wanted, id: string, hasFailed: boolean, how: string): void {
    const { on } = wanted.mail;
    if (on.includes("end") || (hasFailed && on.includes("fail")))
      this.tell(wanted, id, `${hasFailed ? "Failed" : "Ended"}, ${how}`);
  }

  /** With a subject like that of Slurm's mails. */
  private tell({ mail, first }: Wanted, id: string | InvocationId, what: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to replace
    const name = first.name.replace(/[\u0000-\u001f\u007f]/g, "?");
    const subject = `Gleaner Job_id=${id} Name=${name} ${what}`;
    const address = mail.to ?? first.owner.user;
    this.sending
      .run(() => this.send(subject, address))
      .catch((cause: unknown) =>
        this.unsent.say((suppressed) =>
          this.log.warn({ address, cause: messageOf(cause), suppressed }, "cannot send a mail"),
        ),
      );
  }
}

const spanOf = (ms: number): string => new Date(Math.max(0, ms)).toISOString().slice(11, 19);

/** Runs the program as Slurm runs its MailProg: `-s SUBJECT ADDRESS`, with nothing to read. */
export const sendThrough =
  (program: string): Send =>
  (subject, address) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, ["-s", subject, address], {
        stdio: ["ignore", "ignore", "ignore"],
        timeout: sendingMs,
      });
      child.on("error", reject);
      child.on("close", (code) => {
        if (code === 0) resolve();
        else reject(new GleanerError("LAUNCH", `${program} ended with status ${code}`));
      });
    });
