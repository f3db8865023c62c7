/* Removes a checkpoint folder as its owner, and never another folder that came to stand under its name. */
#ifndef GLEAN_SPAWN_REMOVE_H
#define GLEAN_SPAWN_REMOVE_H

#include "spawn_request.h"

/* True when the folder of the request is gone, or was before. */
bool spawn_remove(const struct spawn_request *request, struct failure *failure);

#endif
