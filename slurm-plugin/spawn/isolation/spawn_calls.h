/* Takes system calls from the command that a site does not want functions to make. */
#ifndef GLEAN_SPAWN_CALLS_H
#define GLEAN_SPAWN_CALLS_H

#include "spawn_request.h"

/* Refuses what the request says, from here on and in all that the command starts. Needs no_new_privs. */
bool spawn_calls_refuse(const struct spawn_request *request, struct failure *failure);

#endif
