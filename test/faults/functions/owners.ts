// The owners of simulated functions: they deploy, move aliases, share, and remove.

import type { RequestedSettings } from "../../../src/model/functions/settings.js";
import type { VersionId } from "../../../src/model/ids.js";
import { type Change, SharedChange } from "../checker/functions.js";
import type { Copy } from "../site/clients.js";
import { type Person, people, type Users } from "../site/users.js";
import type { World } from "../site/world.js";
import type { Apis } from "./api.js";
import { bundleOf, type Code } from "./bundles.js";
import { put } from "./contents.js";

/** Everybody has functions of these names. */
export const names = ["f", "g"] as const;
export const aliases = ["prod", "test"] as const;
const serials = 4;

export class Owners {
  /** What was deployed, or nearly. */
  readonly versions: VersionId[] = [];
  private requests = 0;

  constructor(
    private readonly world: World,
    private readonly users: Users,
    private readonly apis: Apis,
  ) {}

  deploy(): void {
    const { chance, books } = this.world;
    const caller = chance.pick(people);
    const name = chance.pick(names);
    const { version, bytes, loading, minWarm } = this.bundle(caller, name);
    const isShared = chance.happens(0.3);
    const requestId = `deploy-${++this.requests}`;
    this.versions.push(version);
    books.calls.loadings.set(version, loading);
    books.calls.minWarm.set(version, minWarm);
    const body = { requestId, name, bundle: version, ...(isShared && { sharing: "all" }) };
    this.world.tell(`${caller.user} deploys ${name} as ${requestId}: ${version}`);
    const { functions } = books.calls;
    const change = new SharedChange(functions, () =>
      functions.deployed(caller.uid, name, version, isShared),
    );
    this.users.clients.send({
      run: async (daemon) => {
        await put(daemon, caller, bytes);
        return this.apis.ask(daemon, "deploy", caller, { body });
      },
      copy: () => change.copy(),
      done: () => {
        this.world.tell(`${requestId} is done`);
        books.counts.deployed++;
      },
    });
  }

  /** The same code may be of several users, and be deployed again. */
  private bundle({ user }: Person, name: string) {
    const { chance } = this.world;
    const serial = chance.whole(1, serials);
    const code: Code = {
      author: chance.happens(0.2) ? "everybody" : user,
      name,
      serial,
      loading: serial < serials ? "works" : chance.pick(["works", "fails", "exits"]),
    };
    const settings: Partial<RequestedSettings> = {
      cores: 1 + (serial % 2),
      memoryMb: 100 * serial,
      timeLimitMs: 30_000 / serial,
      idleTimeoutMs: serial < 3 ? 2_000 : null,
      concurrency: serial < 3 ? 1 : serial,
      minWarm: serial === 2 ? 1 : 0,
    };
    return {
      ...bundleOf(code, settings),
      loading: code.loading,
      minWarm: settings.minWarm!,
    };
  }

  /** An alias moves, or goes, or the function or a version is removed. */
  change(): void {
    const { chance, books } = this.world;
    const caller = chance.pick(people);
    const name = chance.pick(names);
    if (this.versions.length === 0) return;
    const version = chance.pick(this.versions);
    const alias = chance.pick(["latest", ...aliases]);
    const params = { owner: "-", name };
    const { functions } = books.calls;
    const { uid } = caller;
    chance.weighted<() => void>([
      [
        6,
        () =>
          this.send(caller, "setAlias", { params: { ...params, alias }, body: { version } }, () =>
            functions.aliased(uid, name, alias, version),
          ),
      ],
      [
        1,
        () =>
          this.send(caller, "removeAlias", { params: { ...params, alias } }, () =>
            functions.unaliased(uid, name, alias),
          ),
      ],
      [
        2,
        () => this.send(caller, "removeFunction", { params }, () => functions.removed(uid, name)),
      ],
      [
        1,
        () =>
          this.send(caller, "removeVersion", { params: { ...params, version } }, () =>
            functions.versionRemoved(uid, name, version),
          ),
      ],
      [
        1,
        () => {
          const sharing = chance.pick(["all", "none"] as const);
          this.send(caller, "shareFunction", { params, body: { sharing } }, () =>
            functions.shared(uid, name, sharing === "all"),
          );
        },
      ],
    ])();
  }

  private send(
    caller: Person,
    route: "setAlias" | "removeAlias" | "removeFunction" | "removeVersion" | "shareFunction",
    asked: { readonly params: object; readonly body?: object },
    change: () => Change,
  ): void {
    const { functions } = this.world.books.calls;
    this.world.tell(`${caller.user}: ${route} ${JSON.stringify(asked)}`);
    this.users.clients.send({
      run: (daemon) => this.apis.ask(daemon, route, caller, asked),
      copy: (): Copy => {
        const made = change();
        return {
          done: () => functions.done(made),
          over: () => functions.over(made),
          refused: () => functions.refused(made),
        };
      },
    });
  }
}
