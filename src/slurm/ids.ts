// Parses lists of ids such as `0-3,8`, as Slurm prints CPUs.

/** Above Slurm's limit for the CPUs of a node. */
const maxId = 65_535;

/** Returns ids in the order of the list; null if it is invalid or has more than `most`. */
export function readIds(text: string, most = maxId + 1): number[] | null {
  const ids: number[] = [];
  for (const range of text.split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range);
    if (!match) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    if (last > maxId || ids.length + last - first >= most) return null;
    for (let id = first; id <= last; id++) ids.push(id);
  }
  return ids;
}
