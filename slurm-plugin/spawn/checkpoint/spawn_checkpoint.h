/* The folder that outlives an attempt: created and marked by its user, and recognised by its mark.
 */
#ifndef GLEAN_SPAWN_CHECKPOINT_H
#define GLEAN_SPAWN_CHECKPOINT_H

#include "spawn_request.h"

/* A file in the folder, with the folder's name and inode: even a copy of the folder has an invalid
 * mark. */
#define CHECKPOINT_MARK ".gleaner-checkpoint"

bool spawn_checkpoint_make(const struct spawn_request *request, struct failure *failure);

/* Whether the open folder is the one that was created at `path`, or contains nothing that could be
 * lost. */
bool spawn_checkpoint_is_ours(int folder, const char *path, uid_t owner);

#endif
