// Programs that lease workers: they renew the lease while they live, and end it, or die.

import { type InvocationId, invocationId } from "../../../src/model/ids.js";
import { type Person, people, type Users } from "../site/users.js";
import type { World } from "../site/world.js";
import type { Apis } from "./api.js";
import { inputBytes, plainInput } from "./inputs.js";
import { names, type Owners } from "./owners.js";

/** No handler gets it: it stands for the input that a lease has not. */
const leaseInput = plainInput("lease");

interface Lessee {
  readonly id: InvocationId;
  readonly person: Person;
  readonly ttlMs: number;
  isOver: boolean;
}

export class Lessees {
  private requests = 0;

  constructor(
    private readonly world: World,
    private readonly users: Users,
    private readonly apis: Apis,
    private readonly owners: Owners,
  ) {}

  lease(): void {
    const { chance, books } = this.world;
    const person = chance.pick(people);
    const requestId = `lease-${++this.requests}`;
    const [name, workers] = [chance.pick(names), chance.whole(1, 4)];
    const { versions } = this.owners;
    const selector = versions.length > 0 && chance.happens(0.1) ? chance.pick(versions) : "latest";
    const inputs = Array.from({ length: workers }, () => inputBytes(leaseInput));
    const asked = { caller: person.uid, owner: person.uid, name, selector, inputs, isMap: true };
    books.calls.asks(requestId, asked);
    const ttlMs = chance.pick([1_000, 3_000, 10_000]);
    const waitMs = chance.pick([0, 500, 5_000]);
    const body = {
      ...{ requestId, function: `${name}@${selector}`, workers, cores: null, memoryMb: null },
      ...{ ttlMs, waitMs, atLeast: waitMs === 0 ? 0 : chance.whole(0, workers) },
      idleMs: chance.pick([500, 5_000]),
      hotMs: chance.pick([0, 0, 5, -1]),
    };
    let isSent = false;
    this.users.clients.send({
      waitMs,
      run: (daemon) => {
        const fresh = !isSent;
        isSent = true;
        return this.apis.ask(daemon, "requestLease", person, { body: { ...body, fresh } });
      },
      answered: ({ id }) => {
        this.users.accepted(invocationId(id), workers);
        this.live({ id: invocationId(id), person, ttlMs, isOver: false });
      },
    });
    this.world.tell(`${person.user} leases ${workers} workers of ${body.function} as ${requestId}`);
  }

  /** It renews until it ends the lease, dies, or hears that the lease is over. */
  private live(lessee: Lessee): void {
    const { chance } = this.world;
    this.renew(lessee);
    this.world.after(
      chance.weighted([
        [3, chance.ms(10, 2_000)],
        [2, chance.ms(2_000, 60_000)],
      ]),
      () => {
        if (lessee.isOver) return;
        lessee.isOver = true;
        if (chance.happens(0.5)) this.end(lessee);
        else this.world.tell(`the client of lease ${lessee.id} dies`);
      },
    );
  }

  private renew(lessee: Lessee): void {
    const { id, person, ttlMs } = lessee;
    this.world.after(ttlMs / 3, () => {
      if (lessee.isOver || this.world.isAtRest) return;
      this.users.clients.send({
        run: (daemon) =>
          this.apis.ask(daemon, "renewLease", person, { params: { id }, body: { ttlMs } }),
        answered: () => this.renew(lessee),
        refused: () => {
          lessee.isOver = true;
        },
      });
    });
  }

  private end({ id, person }: Lessee): void {
    this.world.tell(`the client of lease ${id} ends it`);
    this.users.clients.send({
      run: (daemon) => this.apis.ask(daemon, "endLease", person, { params: { id }, body: {} }),
    });
  }
}
