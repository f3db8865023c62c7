// What each name of a function may mean at a time, as its users can know it: by what they sent, and
// when they were answered. The checker asks nothing of the daemon.

import type { VersionId } from "../../../src/model/ids.js";
import type { Copy } from "../site/clients.js";

/** A change that somebody asked for; it takes effect once at most, between these times. */
export interface Change {
  readonly sentMs: number;
  /** The answer came, or the daemon died; Infinity until then. */
  overMs: number;
  /** It took effect. */
  isCertain: boolean;
  /** What it does to each name; names that it omits stay. */
  readonly effect: (name: string) => Meaning | undefined;
}

/** null: there is no such thing. */
type Meaning = VersionId | "shared" | null;

/** The name of a function's sharing beside its aliases and versions. */
const sharing = "(sharing)";
const beginning: Change = {
  sentMs: Number.NEGATIVE_INFINITY,
  overMs: Number.NEGATIVE_INFINITY,
  isCertain: true,
  effect: () => null,
};

/** The functions of all users. */
export class FunctionBook {
  private readonly changes = new Map<string, Change[]>();

  constructor(private readonly nowMs: () => number) {}

  deployed(owner: number, name: string, version: VersionId, isShared: boolean): Change {
    return this.add(owner, name, (each) => {
      if (each === sharing) return isShared ? "shared" : undefined;
      return each === "latest" || each === version ? version : undefined;
    });
  }

  aliased(owner: number, name: string, alias: string, version: VersionId): Change {
    return this.add(owner, name, (each) => (each === alias ? version : undefined));
  }

  unaliased(owner: number, name: string, alias: string): Change {
    return this.add(owner, name, (each) => (each === alias ? null : undefined));
  }

  shared(owner: number, name: string, isShared: boolean): Change {
    return this.add(owner, name, (each) => {
      if (each !== sharing) return undefined;
      return isShared ? "shared" : null;
    });
  }

  removed(owner: number, name: string): Change {
    return this.add(owner, name, () => null);
  }

  versionRemoved(owner: number, name: string, version: VersionId): Change {
    return this.add(owner, name, (each) => (each === version ? null : undefined));
  }

  private add(owner: number, name: string, effect: Change["effect"]): Change {
    const sentMs = this.nowMs();
    const change = { sentMs, overMs: Number.POSITIVE_INFINITY, isCertain: false, effect };
    const key = `${owner}/${name}`;
    this.changes.set(key, [...(this.changes.get(key) ?? []), change]);
    return change;
  }

  done(change: Change): void {
    change.isCertain = true;
    this.over(change);
  }

  /** It took effect before, or never will. */
  over(change: Change): void {
    change.overMs = Math.min(change.overMs, this.nowMs());
  }

  /** The daemon refused it, or cannot have heard of it: it changed nothing. */
  refused(change: Change): void {
    for (const [key, all] of this.changes)
      this.changes.set(
        key,
        all.filter((each) => each !== change),
      );
  }

  /** Whether a call that was asked for at `sinceMs` may run this version, or find none (null). */
  mayMean(
    { caller, owner, name, selector }: Called,
    version: VersionId | null,
    sinceMs: number,
  ): boolean {
    const own = this.meanings(owner, name, selector, sinceMs);
    if (caller === owner) return own.has(version);
    const shared = this.meanings(owner, name, sharing, sinceMs);
    return version === null
      ? own.has(null) || shared.has(null)
      : own.has(version) && shared.has("shared");
  }

  /**
   * Every meaning that the name can have had between `sinceMs` and now: a change counts unless a
   * later one had replaced it before.
   */
  private meanings(owner: number, name: string, selector: string, sinceMs: number): Set<Meaning> {
    const all = [beginning, ...(this.changes.get(`${owner}/${name}`) ?? [])].flatMap((change) => {
      const meaning = change.effect(selector);
      return meaning === undefined ? [] : [{ ...change, meaning }];
    });
    const isReplaced = ({ overMs }: Change) =>
      all.some((later) => later.isCertain && later.sentMs > overMs && later.overMs < sinceMs);
    return new Set(all.filter((each) => !isReplaced(each)).map(({ meaning }) => meaning));
  }
}

/**
 * One change that several copies of a request ask for: however many of them a daemon gets, it takes
 * effect once at most, and never if all are refused.
 */
export class SharedChange {
  private change: Change | null = null;
  /** Copies that were not refused. */
  private open = 0;

  constructor(
    private readonly book: FunctionBook,
    private readonly begin: () => Change,
  ) {}

  /** A daemon gets a copy. */
  copy(): Copy {
    this.open++;
    this.change ??= this.begin();
    return {
      done: () => this.book.done(this.change!),
      // The next copy may have the effect.
      over: () => {},
      refused: () => {
        if (--this.open > 0) return;
        this.book.refused(this.change!);
        this.change = null;
      },
    };
  }
}

/** What a call names. */
export interface Called {
  readonly caller: number;
  readonly owner: number;
  readonly name: string;
  /** An alias, or a version. */
  readonly selector: string;
}
