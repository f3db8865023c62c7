// The callers of simulated functions: one call or a map, with or without waiting, and reading the
// answers.

import { type InvocationId, invocationId } from "../../../src/model/ids.js";
import { isFinal } from "../../../src/model/invocation.js";
import { frameOf, framesType } from "../../../src/wire/api/input-frames.js";
import {
  type CallAnswerText,
  type PayloadText,
  payloadOf,
} from "../../../src/wire/api/payloads.js";
import type { AnswerOf } from "../../../src/wire/api/types.js";
import type { AskedCall } from "../checker/calls.js";
import type { Daemon } from "../site/daemon-host.js";
import { type Person, people, type Users } from "../site/users.js";
import type { World } from "../site/world.js";
import type { Apis } from "./api.js";
import { isLarge, sendable, textIn } from "./contents.js";
import { doings, type Input, inputBytes, payloadBytes } from "./inputs.js";
import { aliases, names, type Owners } from "./owners.js";

const operator = people[0]!;
/** A habit's, with a pause after each. */
const regularCalls = 30;

/** What somebody calls. */
interface Target {
  readonly caller: Person;
  readonly owner: Person;
  readonly name: string;
  readonly selector: string;
}

interface Submitted {
  readonly caller: Person;
  readonly id: InvocationId;
  readonly tasks: number;
  readonly isMap: boolean;
}

const one = { tasks: 1, isMap: false } as const;

interface AskedMap {
  readonly requestId: string;
  readonly function: string;
  readonly inputs: readonly PayloadText[];
}

export class Callers {
  private readonly submitted: Submitted[] = [];
  private requests = 0;

  constructor(
    private readonly world: World,
    private readonly users: Users,
    private readonly apis: Apis,
    private readonly owners: Owners,
  ) {}

  /** Somebody calls one function again and again: gleanerd learns when to start its workers. */
  beginHabit(): void {
    const { chance } = this.world;
    const [caller, name] = [chance.pick(people), chance.pick(names)];
    const [pauseMs, together] = [chance.ms(1_000, 4_000), chance.whole(1, 3)];
    const callNext = (left: number) => {
      if (left === 0 || this.world.isAtRest) return;
      for (let one = 0; one < together; one++)
        this.call({ caller, owner: caller, name, selector: "latest" });
      this.world.after(pauseMs * chance.ms(0.9, 1.1), () => callNext(left - 1));
    };
    callNext(regularCalls);
  }

  call(target?: Target): void {
    const { chance } = this.world;
    const { caller, requestId, called, body } = this.ask(1, false, target);
    const waitMs = chance.happens(0.5) ? 0 : chance.whole(1_000, 60_000);
    const { inputs, ...rest } = body;
    const input = inputs[0]!;
    const isCarried = isLarge(input) && waitMs > 0 && chance.happens(0.7);
    let isSent = false;
    const asked = () => {
      const fresh = !isSent;
      isSent = true;
      return { ...rest, waitMs, fresh };
    };
    this.users.clients.send({
      waitMs,
      run: async (daemon) => {
        const carried = isCarried
          ? await this.apis.carry(daemon, caller, { ...asked(), input })
          : null;
        if (carried !== null) return carried;
        const named = await sendable(daemon, caller, input);
        const body = { ...asked(), input: named };
        const answered = await this.apis.ask(daemon, "call", caller, { body });
        return { ...answered, text: await textIn(daemon, caller, answered.answer) };
      },
      done: ({ id, invocation, answer, text }) => {
        // An answer may come before its record.
        const isAnswer = invocation !== null && isFinal(invocation.state);
        if (!isAnswer) this.world.books.acknowledged(requestId, id, 1);
        if (answer !== null) this.read(invocation!.id, answer, text);
      },
      answered: ({ id }) => this.accepted({ ...one, caller, id: invocationId(id) }),
      refused: ({ code }) => this.world.books.calls.refused(requestId, code),
    });
    this.world.tell(`${caller.user} calls ${body.function} as ${requestId} ${called.selector}`);
  }

  map(): void {
    const { chance, isBrisk } = this.world;
    const { caller, requestId, body } = this.ask(chance.whole(1, isBrisk ? 40 : 12), true);
    const isStreamed = chance.happens(0.5);
    this.users.clients.send({
      run: async (daemon) => {
        const inputs: PayloadText[] = [];
        for (const each of body.inputs) inputs.push(await sendable(daemon, caller, each));
        const asked = { ...body, inputs };
        return isStreamed
          ? this.stream(daemon, caller, asked)
          : this.apis.ask(daemon, "map", caller, { body: asked });
      },
      done: ({ id, tasks }) => this.world.books.acknowledged(requestId, id, tasks),
      answered: ({ id, tasks }) =>
        this.accepted({ caller, id: invocationId(id), tasks, isMap: true }),
      refused: ({ code }) => this.world.books.calls.refused(requestId, code),
    });
    this.world.tell(`${caller.user} maps ${body.function} as ${requestId}`);
  }

  /** Sends the inputs piece by piece; nobody hears of a request whose connection breaks. */
  private stream(
    daemon: Daemon,
    caller: Person,
    { requestId, function: called, inputs }: AskedMap,
  ): Promise<AnswerOf<"streamMap">> {
    const { world } = this;
    const frames = Buffer.concat(inputs.map((each) => frameOf(payloadOf(each))));
    let isBroken = false;
    async function* pieces() {
      const breaksAt = world.chance.happens(0.05) ? world.chance.whole(0, frames.length) : Infinity;
      for (let at = 0; at < frames.length; ) {
        const delayMs = world.chance.ms(0.1, 5);
        await new Promise<void>((resolve) => world.within(daemon.process, delayMs, resolve));
        isBroken = at >= breaksAt;
        if (isBroken) throw new Error("the connection broke");
        const end = at + world.chance.whole(1, 400);
        yield frames.subarray(at, end);
        at = end;
      }
    }
    const query = { requestId, function: called };
    const asked = this.apis.ask(daemon, "streamMap", caller, {
      query,
      stream: { type: framesType, pieces },
    });
    return asked.catch((thrown) =>
      isBroken ? new Promise<never>(() => {}) : Promise.reject(thrown),
    );
  }

  private ask(tasks: number, isMap: boolean, target = this.target()) {
    const { books } = this.world;
    const { caller, owner, name, selector } = target;
    const requestId = `call-${++this.requests}`;
    const inputs = Array.from({ length: tasks }, (_, at) =>
      inputBytes(this.input(`${requestId}/${at}`), payloadBytes(this.world.chance)),
    );
    const called: Omit<AskedCall, "askedMs"> = {
      ...{ caller: caller.uid, owner: owner.uid, name, selector, inputs, isMap },
    };
    books.calls.asks(requestId, called);
    const prefix = owner === caller ? "" : `${owner.user}/`;
    const body = {
      requestId,
      function: `${prefix}${name}@${selector}`,
      inputs,
      timeLimitMs: null,
    };
    return { caller, requestId, called, body };
  }

  private target(): Target {
    const { chance } = this.world;
    const caller = chance.pick(people);
    const owner = chance.happens(0.7) ? caller : chance.pick(people);
    return { caller, owner, name: chance.pick(names), selector: this.selector() };
  }

  private selector(): string {
    const { chance } = this.world;
    const { versions } = this.owners;
    if (versions.length > 0 && chance.happens(0.1)) return chance.pick(versions);
    return chance.happens(0.15) ? chance.pick(aliases) : "latest";
  }

  private input(call: string): Input {
    const { chance } = this.world;
    const does = chance.happens(0.85) ? "return" : chance.pick(doings);
    const { isBrisk } = this.world;
    const lastsMs = chance.weighted([
      [isBrisk ? 400 : 6, chance.whole(0, isBrisk ? 5 : 20)],
      [3, chance.whole(20, 500)],
      [1, chance.whole(500, 10_000)],
    ]);
    const returnsBytes = payloadBytes(chance);
    return { call, does, lastsMs, prints: chance.happens(0.2), returnsBytes };
  }

  private accepted(submitted: Submitted): void {
    this.submitted.push(submitted);
    this.users.accepted(submitted.id, submitted.tasks);
  }

  /** A user looks at what they called before. */
  look(): void {
    if (this.submitted.length > 0) this.readOne(this.world.chance.pick(this.submitted));
  }

  /** At the end everybody reads everything. */
  readAll(): void {
    for (const each of this.submitted) this.readOne(each);
  }

  private readOne({ caller, id, tasks, isMap }: Submitted): void {
    const { clients } = this.users;
    const known = this.endedOf(id, tasks);
    if (!isMap) {
      clients.send({
        run: async (daemon) => {
          const asked = { params: { id: String(id) } };
          const { answer } = await this.apis.ask(daemon, "answer", operator, asked);
          return { answer, text: await textIn(daemon, caller, answer) };
        },
        done: ({ answer, text }) => {
          if (answer !== null || known.has(id)) this.read(id, answer, text);
        },
      });
      return;
    }
    const query = { tasks: `0-${tasks - 1}`, waitMs: 0 };
    clients.send({
      run: async (daemon) => {
        const asked = { params: { id: String(id) }, query };
        const { outcomes } = await this.apis.ask(daemon, "outcomes", operator, asked);
        const texts: (string | null)[] = [];
        for (const { answer } of outcomes) texts.push(await textIn(daemon, caller, answer));
        return { outcomes, texts };
      },
      done: ({ outcomes, texts }) => {
        const found = new Set(outcomes.map(({ task }) => invocationId(id + task)));
        for (const [at, { task, answer }] of outcomes.entries())
          this.read(invocationId(id + task), answer, texts[at]!);
        for (const each of known)
          if (!found.has(each))
            this.world.complain(`call ${each} has ended, and a user is not told`);
      },
    });
  }

  private endedOf(first: InvocationId, tasks: number): ReadonlySet<InvocationId> {
    const ids = Array.from({ length: tasks }, (_, task) => invocationId(first + task));
    return new Set(ids.filter((id) => this.world.books.calls.hasEnded(id)));
  }

  private read(id: InvocationId, answer: CallAnswerText | null, text: string | null): void {
    this.world.books.calls.read(id, answer?.kind ?? null, text);
  }
}
