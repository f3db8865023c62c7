/* Moves the command into its cgroups while it waits. The supervisor does it, because the kernel
 * holds a lock of the whole node meanwhile, and a process that is already in the group of functions
 * may have to wait for a processor while it holds the lock. */
#ifndef GLEAN_SPAWN_JOIN_H
#define GLEAN_SPAWN_JOIN_H

#include "spawn_report.h"
#include "spawn_request.h"

/* False, with the failure, if a cgroup refused. */
bool spawn_join(const struct spawn_request *request, pid_t command, struct failure *failure);

#endif
