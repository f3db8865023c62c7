/* What belongs to no process, such as files in /dev/shm and keys: the command gets its own, which ends with it. */
#ifndef GLEAN_SPAWN_PRIVATE_H
#define GLEAN_SPAWN_PRIVATE_H

#include "spawn_request.h"

/* A namespace of mounts and of System V memory of its own, with an empty /dev/shm and empty private directories. */
bool spawn_private_memory(const struct spawn_request *request, struct failure *failure);

/* The private directory that the open file is in, and that ends with the command; NULL: in none. */
const char *spawn_private_holds(int fd);

/* A session keyring of its own, in place of the one of whoever started the executor. As root and again as the user, who then owns
 * it; one whose keys are used up keeps the first. */
bool spawn_private_keyring(bool is_user, struct failure *failure);

#endif
