/* Work for a command that has ended: a process does it as the command's user, and the supervisor
 * waits for it. */
#ifndef GLEAN_SPAWN_AFTER_H
#define GLEAN_SPAWN_AFTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "spawn_supervise.h"

/* Called in the new process: it becomes the user, and dies with its parent. */
bool spawn_after_become(uid_t uid, gid_t gid, pid_t parent);

/* False once the server is gone. */
bool spawn_after_has_server(const struct task *task);

/* Waits for the process, and kills it if it takes too long or the server is gone. */
void spawn_after_wait(pid_t pid, const struct task *task);

#endif
