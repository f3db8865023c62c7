// Runs in gleanerd and glean-executor before their first line: nobody else can read their memory.

// Node's default answer to SIGUSR1 is to open its debugger, through which any user of the machine
// could act as us. SIGUSR2 would end the process. Launchers and the unit also pass --inspect-port,
// for the time before this line.
for (const signal of ["SIGUSR1", "SIGUSR2"]) process.on(signal, () => {});
try {
  // Keeps keys, tokens and users' environments out of core files: a dump contains registers and no
  // memory. Children inherit it.
  require("node:fs").writeFileSync("/proc/self/coredump_filter", "0");
} catch {
  // A kernel without core dumps.
}
