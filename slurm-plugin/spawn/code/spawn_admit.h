/* Who may read the code of functions on this node. */
#ifndef GLEAN_SPAWN_ADMIT_H
#define GLEAN_SPAWN_ADMIT_H

#include <stddef.h>
#include <stdint.h>

/* Where a file system has no access control lists, or a list has no room for more users. */
#define ADMIT_IMPOSSIBLE 3

/* Lets the user with this uid read a folder, which nobody else may enter but its owner and those
 * admitted before. Exits with the status that PROTOCOL.md names. */
__attribute__((noreturn)) void spawn_admit(uint32_t uid, const uint8_t *path, size_t length);

#endif
