/* Says of a process that hangs in the kernel who it is and where it hangs. */
#ifndef GLEAN_SPAWN_DESCRIBE_H
#define GLEAN_SPAWN_DESCRIBE_H

/* Prints `key=value` lines: name, waitsIn, path, user (its number, then its name); a line whose value
 * cannot be told is left out. To be run as a process of
 * its own, under a time limit: to look at such a process may hang, too. Returns the exit status. */
int spawn_describe(const char *pid);

#endif
