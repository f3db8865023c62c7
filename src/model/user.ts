// Who a user is: the uid. The name is a label, which may change, be missing, or hold more than letters.

/** uid 4294967295 is the system's word for nobody at all. */
export const maxUid = 4_294_967_294;

/** A name as directories give it (`ada`, `ada@EXAMPLE.ORG`, `host$`), or a uid; nothing that separates or steers. */
export const userShape = /^(?!-)[^\s:,/\p{C}]{1,256}$/u;

/** null: a name. Digits are always a uid, also where a directory has a user of such a name. */
export function uidIn(text: string): number | null {
  if (!/^\d{1,10}$/.test(text)) return null;
  const uid = Number(text);
  return uid <= maxUid ? uid : null;
}

/** What munge and Slurm print for a uid without a name, or with one that nobody can type, becomes the uid itself. */
export const labelOf = (name: string, uid: number): string =>
  name === "???" || !userShape.test(name) || uidIn(name) !== null ? String(uid) : name;

/** Whether a name or uid of the configuration is this user's. */
export const isNamed = (user: { readonly uid: number; readonly user: string }, text: string) =>
  uidIn(text) === null ? user.user === text : user.uid === uidIn(text);
