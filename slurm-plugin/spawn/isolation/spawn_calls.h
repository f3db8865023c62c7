/* Denies the command those system calls that a site does not allow to functions. */
#ifndef GLEAN_SPAWN_CALLS_H
#define GLEAN_SPAWN_CALLS_H

#include "spawn_request.h"

/* Refuses the calls that the request names, from here on and in everything that the command starts.
 * Needs no_new_privs. */
bool spawn_calls_refuse(const struct spawn_request *request, struct failure *failure);

#endif
