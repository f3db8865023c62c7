// Maps whose size is bounded, whatever keys come from users, nodes and Slurm.

/** Makes `key` the latest one; beyond `most`, the one that was remembered longest ago goes. */
export function remember<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  most: number,
): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
