/* The command becomes the user it belongs to, and can become nobody else again. */
#ifndef GLEAN_SPAWN_USER_H
#define GLEAN_SPAWN_USER_H

#include "spawn_request.h"

/* Groups, ids and no_new_privs. Run by another than root it only checks that the request names that very user. */
bool spawn_user_become(const struct spawn_request *request, struct failure *failure);

#endif
