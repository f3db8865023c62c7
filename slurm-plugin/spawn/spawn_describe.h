/* Describes a process that hangs in the kernel: which it is and where it hangs. */
#ifndef GLEAN_SPAWN_DESCRIBE_H
#define GLEAN_SPAWN_DESCRIBE_H

/* Prints `key=value` lines: name, waitsIn, path, user (its number, then its name); omits a line
 * whose value is unknown. Run it in a process of its own with a time limit: examining such a
 * process may hang, too. Returns the exit status. */
int spawn_describe(const char *pid);

#endif
