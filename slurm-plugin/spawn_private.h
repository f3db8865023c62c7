/* Memory that belongs to no process, such as files in /dev/shm: the command gets its own, which ends with it. */
#ifndef GLEAN_SPAWN_PRIVATE_H
#define GLEAN_SPAWN_PRIVATE_H

#include "spawn_request.h"

/* Needs root. True also where the node does not allow it or has no such namespaces: then the command shares the node's. */
bool spawn_private_memory(const struct spawn_request *request, struct failure *failure);

#endif
