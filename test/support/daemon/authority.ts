// What the API's server needs beside identity, for tests that are about something else.

export const stubAuthority = {
  epochs: { of: () => 0 },
  audit: { note: () => undefined },
};
