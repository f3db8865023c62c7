/* Removes a checkpoint folder as its owner, and never another folder that took its name. */
#ifndef GLEAN_SPAWN_REMOVE_H
#define GLEAN_SPAWN_REMOVE_H

#include "spawn_request.h"

/* True if the folder of the request is gone, or was before. */
bool spawn_remove(const struct spawn_request *request, struct failure *failure);

#endif
