/* The connections of a worker to the executor: for the worker protocol, and for what it prints. */
#ifndef GLEAN_SPAWN_WORKER_H
#define GLEAN_SPAWN_WORKER_H

#include <stdbool.h>

#include "spawn_request.h"

/* The descriptor of the worker protocol; a script has it too, and no worker is a script. */
#define SPAWN_WORKER_FD 3

/* Connects to the executor, before the change of user: only root may enter the socket's folder.
 * Does nothing for a command that is no worker. */
bool spawn_worker_connect(const struct spawn_request *request, struct failure *failure);

/* Puts the connections where the worker expects them: its protocol, and its output and errors. */
bool spawn_worker_place(struct failure *failure);

#endif
