/* Resources that belong to no process, such as files in /dev/shm and keys: the command gets its
 * own, which end with it. */
#ifndef GLEAN_SPAWN_PRIVATE_H
#define GLEAN_SPAWN_PRIVATE_H

#include "spawn_request.h"

/* Creates namespaces of mounts and of System V memory, with an empty /dev/shm and empty private
 * directories. */
bool spawn_private_memory(const struct spawn_request *request, struct failure *failure);

/* The private directory that contains the open file and ends with the command; NULL if none. */
const char *spawn_private_holds(int fd);

/* Creates a session keyring in place of that of the user who started the executor. Called as root
 * and again as the user, who then owns it; a user whose key quota is used up keeps the first one.
 */
bool spawn_private_keyring(bool is_user, struct failure *failure);

#endif
