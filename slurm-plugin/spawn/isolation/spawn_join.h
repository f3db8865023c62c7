/* Moves the command into its cgroups while it waits: the supervisor does it, because the kernel holds a lock of the whole node
 * meanwhile, and a process that is in the group of functions already may have to wait for a processor with it. */
#ifndef GLEAN_SPAWN_JOIN_H
#define GLEAN_SPAWN_JOIN_H

#include "spawn_report.h"
#include "spawn_request.h"

/* False, with the failure, when a cgroup refused. */
bool spawn_join(const struct spawn_request *request, pid_t command, struct failure *failure);

#endif
