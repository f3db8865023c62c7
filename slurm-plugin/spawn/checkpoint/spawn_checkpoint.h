/* The folder that outlives an attempt: made and marked by the user it belongs to, and known again by its mark. */
#ifndef GLEAN_SPAWN_CHECKPOINT_H
#define GLEAN_SPAWN_CHECKPOINT_H

#include "spawn_request.h"

/* In the folder, with the folder's name and inode in it: not even a copy of the folder has a mark that is right. */
#define CHECKPOINT_MARK ".gleaner-checkpoint"

bool spawn_checkpoint_make(const struct spawn_request *request, struct failure *failure);

/* Whether the open folder is the one that was made at `path`, or holds nothing that could be lost. */
bool spawn_checkpoint_is_ours(int folder, const char *path, uid_t owner);

#endif
