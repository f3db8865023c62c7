/* The folder for temporary files that a command has for itself: TMPDIR. */
#ifndef GLEAN_SPAWN_TEMPORARY_H
#define GLEAN_SPAWN_TEMPORARY_H

#include "spawn_request.h"
#include "spawn_supervise.h"

/* Makes the folder and gives it to the user, if its place has as much room as requested, and puts
 * the script beside it. */
bool spawn_temporary_make(struct spawn_request *request, struct failure *failure);

/* Sets TMPDIR, unless the user named a folder that is there; called as the user. */
void spawn_temporary_tell(struct spawn_request *request);

/* Removes the folder with all that is in it; called once no process of the command is left. Stops
 * if the server is gone: its executor's successor sweeps. */
void spawn_temporary_remove(const struct spawn_request *request, const struct task *task);

/* Removes what former executors left in `base`, a folder of theirs, and then the folder. */
int spawn_temporary_sweep(const char *base);

#endif
