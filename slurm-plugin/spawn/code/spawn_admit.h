/* Who may read the code of functions on this node. */
#ifndef GLEAN_SPAWN_ADMIT_H
#define GLEAN_SPAWN_ADMIT_H

/* Where a file system has no access control lists, or a list has no room for more users. */
#define ADMIT_IMPOSSIBLE 3

/* Lets the user with this uid read a folder, which nobody else may enter but its owner and those
 * admitted before. Returns the exit status of the program. */
int spawn_admit(const char *uid, const char *path);

#endif
