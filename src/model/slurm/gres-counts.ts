// Amounts of generic resources that Slurm only counts, such as `nvme`, and the arithmetic on them.

/** By name, each at least 0. */
export type GresCounts = Readonly<Record<string, number>>;

/** If omitted, a node has none, and work needs none. */
export interface HasGres {
  readonly gres?: GresCounts | undefined;
}

/** Names come from users and from Slurm, and may be those of Object's own methods. */
const countIn = (counts: GresCounts | undefined, name: string): number =>
  counts !== undefined && Object.hasOwn(counts, name) ? counts[name]! : 0;

export const gresFit = (need: GresCounts | undefined, free: GresCounts | undefined): boolean =>
  need === undefined || Object.entries(need).every(([name, count]) => count <= countIn(free, name));

/** What is left of `from` without `taken`, never below zero. */
export const gresWithout = (
  from: GresCounts | undefined,
  taken: GresCounts | undefined,
): GresCounts | undefined =>
  from === undefined || taken === undefined
    ? from
    : combined(from, (name, count) => Math.max(0, count - countIn(taken, name)));

/** Only those that `named` has, too. */
export const gresOfNames = (counts: GresCounts, named: GresCounts): GresCounts =>
  Object.fromEntries(Object.entries(counts).filter(([name]) => Object.hasOwn(named, name)));

/** Both together. */
export const gresSum = (
  one: GresCounts | undefined,
  other: GresCounts | undefined,
): GresCounts | undefined => merged(one, other, (here, there) => here + there);

/** What either allows. */
export const gresOfEither = (
  one: GresCounts | undefined,
  other: GresCounts | undefined,
): GresCounts | undefined => merged(one, other, Math.max);

/** What both allow. */
export const gresOfBoth = (
  one: GresCounts | undefined,
  other: GresCounts | undefined,
): GresCounts | undefined =>
  one === undefined || other === undefined
    ? undefined
    : combined(one, (name, count) => Math.min(count, countIn(other, name)));

/** Every name of either. */
const merged = (
  one: GresCounts | undefined,
  other: GresCounts | undefined,
  of: (here: number, there: number) => number,
): GresCounts | undefined =>
  one === undefined || other === undefined
    ? (one ?? other)
    : combined({ ...one, ...other }, (name) => of(countIn(one, name), countIn(other, name)));

const combined = (counts: GresCounts, of: (name: string, count: number) => number): GresCounts =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, of(name, count)]));

/** A field for each object that has some; none for the others, which are the rule. */
export const gresField = (gres: GresCounts | undefined): HasGres =>
  gres === undefined ? {} : { gres };

/** As Slurm writes them: `gres/nvme:2,gres/tape:1`. */
export const gresText = (gres: GresCounts): string =>
  Object.entries(gres)
    .map(([name, count]) => `gres/${name}:${count}`)
    .join(",");
