/* Makes the command's process become its user, with no way to become anybody else again. */
#ifndef GLEAN_SPAWN_USER_H
#define GLEAN_SPAWN_USER_H

#include "spawn_request.h"

/* Sets groups, ids and no_new_privs. If not run by root, only checks that the request names the
 * running user. */
bool spawn_user_become(const struct spawn_request *request, struct failure *failure);

#endif
