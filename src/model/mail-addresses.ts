// Who may get a mail: users and addresses, separated by commas.

const address = "[A-Za-z0-9_][A-Za-z0-9_.+%-]*(@[A-Za-z0-9.-]+)?";

export const mailAddresses = new RegExp(`^${address}(,${address})*$`);
