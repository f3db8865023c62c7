/* The variables of a worker that the system knows of its user. */
#ifndef GLEAN_SPAWN_HOME_H
#define GLEAN_SPAWN_HOME_H

#include "spawn_request.h"

/* Adds HOME, USER, LOGNAME and SHELL to a worker's environment where the request does not have
 * them. A command has those of its submission. */
void spawn_home_tell(struct spawn_request *request);

#endif
