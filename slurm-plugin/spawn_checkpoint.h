/* The folder that outlives an attempt: made by the user it belongs to. */
#ifndef GLEAN_SPAWN_CHECKPOINT_H
#define GLEAN_SPAWN_CHECKPOINT_H

#include "spawn_request.h"

/* To be called as the user, so that nothing is made or trusted that the user could not make. Without a path it does nothing. */
bool spawn_checkpoint_make(const struct spawn_request *request, struct failure *failure);

#endif
