// Sends the mails that submissions ask for with --mail-type, through the site's mailer.

import { spawn } from "node:child_process";
import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { Scan, Store } from "../../core/ports/store.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { Semaphore, UserSemaphores } from "../../limits/semaphore.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import { displayId, type Invocation, type Mail, submissionIdOf } from "../../model/invocation.js";
import type { DaemonEvent, Events } from "../state/events.js";

/** A mail server that is slow holds up nobody but these. */
const maxSending = 4;
const maxSendingOfUser = 2;
const maxWaitingOfUser = 1_000;
const sendingMs = 60_000;

/** A submission that wants mail and has not ended. */
interface Wanted {
  readonly mail: Mail;
  readonly first: Invocation;
  hasBegun: boolean;
}

type Began = Extract<DaemonEvent, { type: "invocationBegan" }>;
type Send = (subject: string, address: string) => Promise<void>;

export class Mailer {
  private readonly wanted = new Map<InvocationId, Wanted>();
  private readonly sending = new Semaphore(maxSending);
  private readonly ofUsers = new UserSemaphores(maxSendingOfUser, {
    most: maxWaitingOfUser,
    refusal: `${maxWaitingOfUser} mails of this user wait to be sent`,
  });
  private readonly unsent = new LogRateLimit();

  constructor(
    events: Events,
    private readonly store: Pick<Store, "scanInvocations">,
    private readonly log: Pick<Logger, "warn">,
    private readonly send: Send,
  ) {
    events.subscribe(["mailWanted"], ({ invocation, mail }) => {
      const id = submissionIdOf(invocation);
      if (!this.wanted.has(id)) this.wanted.set(id, { mail, first: invocation, hasBegun: false });
    });
    events.subscribe(["invocationBegan"], (begun) => this.began(begun));
    events.subscribe(["invocationEnded"], ({ invocation }) => this.ended(invocation));
    events.subscribe(["arrayEnded"], ({ array }) => void this.arrayEnded(array));
  }

  /** Further attempts are not told. */
  private began({ id, array, task, attempt }: Began): void {
    const whole = array ?? id;
    const wanted = this.wanted.get(whole);
    if (wanted === undefined || !wanted.mail.on.includes("begin")) return;
    const { eachTask } = wanted.mail;
    if (eachTask ? attempt > 1 : wanted.hasBegun) return;
    wanted.hasBegun = true;
    const queued = spanOf(nowMs() - wanted.first.submittedAtMs);
    const shown = eachTask ? displayId({ id, arrayJobId: array, arrayTaskId: task }) : whole;
    this.tell(wanted, shown, `Began, Queued time ${queued}`);
  }

  private ended(invocation: Invocation): void {
    const id = submissionIdOf(invocation);
    const wanted = this.wanted.get(id);
    if (wanted === undefined) return;
    const { state, exitCode, arrayJobId, wallMs } = invocation;
    const isWhole = arrayJobId === null;
    if (isWhole || wanted.mail.eachTask)
      this.tellEnd(
        wanted,
        displayId(invocation),
        hasFailed(invocation),
        `Run time ${spanOf(wallMs ?? 0)}, ${state}, ExitCode ${exitCode ?? 0}`,
      );
    if (isWhole) this.wanted.delete(id);
  }

  private async arrayEnded(id: InvocationId): Promise<void> {
    const wanted = this.wanted.get(id);
    this.wanted.delete(id);
    if (wanted === undefined || wanted.mail.eachTask) return;
    try {
      const { tasks, failed, cancelled } = await this.tallyOf(id);
      const ends = [
        ...(failed > 0 ? [`${failed} of ${tasks} tasks failed`] : []),
        ...(cancelled > 0 ? [`${cancelled} of ${tasks} tasks cancelled`] : []),
      ];
      this.tellEnd(wanted, `${id}_*`, failed > 0, ends.join(", ") || "COMPLETED");
    } catch (cause) {
      this.complain(wanted, cause);
    }
  }

  /** From the store: some tasks ended before gleanerd started, or without an event of their own. */
  private async tallyOf(arrayJobId: InvocationId) {
    const tally = { tasks: 0, failed: 0, cancelled: 0 };
    for (let after: number | null = 0; after !== null; ) {
      const scan: Scan = await this.store.scanInvocations({ arrayJobId }, after);
      for (const task of scan.found) {
        tally.tasks++;
        if (hasFailed(task)) tally.failed++;
        else if (task.state === "CANCELLED") tally.cancelled++;
      }
      after = scan.scannedTo;
    }
    return tally;
  }

  private tellEnd(wanted: Wanted, id: string, hasFailed: boolean, how: string): void {
    const { on } = wanted.mail;
    if (on.includes("end") || (hasFailed && on.includes("fail")))
      this.tell(wanted, id, `${hasFailed ? "Failed" : "Ended"}, ${how}`);
  }

  /** With a subject like that of Slurm's mails. */
  private tell(wanted: Wanted, id: string | InvocationId, what: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to replace
    const name = wanted.first.name.replace(/[\u0000-\u001f\u007f]/g, "?");
    const subject = `Gleaner Job_id=${id} Name=${name} ${what}`;
    const address = addressOf(wanted);
    this.ofUsers
      .run(wanted.first.owner.uid, () => this.sending.run(() => this.send(subject, address)))
      .catch((cause: unknown) => this.complain(wanted, cause));
  }

  private complain(wanted: Wanted, cause: unknown): void {
    const address = addressOf(wanted);
    this.unsent.say((suppressed) =>
      this.log.warn({ address, cause: messageOf(cause), suppressed }, "cannot send a mail"),
    );
  }
}

const addressOf = ({ mail, first }: Wanted): string => mail.to ?? first.owner.user;

/** As in Slurm, what somebody cancelled has not failed, but what missed its deadline has. */
const hasFailed = ({ state, reason }: Invocation): boolean =>
  state === "CANCELLED" ? (reason?.startsWith("DeadLine") ?? false) : state !== "COMPLETED";

const dayMs = 86_400_000;

/** As Slurm writes it: `1-02:03:04`. */
function spanOf(spanMs: number): string {
  const ms = Math.max(0, spanMs);
  const days = ms < dayMs ? "" : `${Math.floor(ms / dayMs)}-`;
  return `${days}${new Date(ms).toISOString().slice(11, 19)}`;
}

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
