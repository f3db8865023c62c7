// What gleanerd and glean-executor do before their first line: nobody else looks into their memory.

// Node's own answer to SIGUSR1 is to open its debugger, through which any user of the machine becomes who we are. SIGUSR2 would
// end us. Launchers and the unit also give --inspect-port, for the time before this line.
for (const signal of ["SIGUSR1", "SIGUSR2"]) process.on(signal, () => {});
try {
  // Keys, tokens and users' environments stay out of core files: a dump has registers and no memory. Children inherit it.
  require("node:fs").writeFileSync("/proc/self/coredump_filter", "0");
} catch {
  // A kernel without core dumps.
}
