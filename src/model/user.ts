// Who a user is: a uid. The name is a label, which may change, be missing, or contain more than
// letters.

/** uid 4294967295 stands for nobody at all. */
export const maxUid = 4_294_967_294;

/**
 * A name as directories have it (`ada`, `ada@EXAMPLE.ORG`, `host$`), or a uid; without separators
 * or control characters.
 */
export const userShape = /^(?!-)[^\s:,/\p{C}]{1,256}$/u;

/**
 * null if it is a name. Digits always mean a uid, even if a directory has a user with such a name.
 */
export function uidIn(text: string): number | null {
  if (!/^\d{1,10}$/.test(text)) return null;
  const uid = Number(text);
  return uid <= maxUid ? uid : null;
}

/**
 * Replaces with the uid what munge and Slurm print for a uid without a name, or for a name that
 * nobody can type.
 */
export const labelOf = (name: string, uid: number): string =>
  name === "???" || !userShape.test(name) || uidIn(name) !== null ? String(uid) : name;

/** Whether a name or uid in the configuration identifies this user. */
export const isNamed = (user: { readonly uid: number; readonly user: string }, text: string) =>
  uidIn(text) === null ? user.user === text : user.uid === uidIn(text);

const address = "[A-Za-z0-9_][A-Za-z0-9_.+%-]*(@[A-Za-z0-9.-]+)?";
/** Who may get a mail: users and addresses, separated by commas. */
export const mailAddresses = new RegExp(`^${address}(,${address})*$`);
