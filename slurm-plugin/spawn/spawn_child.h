/* The steps between fork and exec: the command enters its cgroups, becomes the user, opens its
 * files. */
#ifndef GLEAN_SPAWN_CHILD_H
#define GLEAN_SPAWN_CHILD_H

#include "spawn_request.h"

/* Never returns: calls exec, or writes a struct failure to `status` (close-on-exec) and exits.
 * `supervisor` is the parent's pid, which writes a byte to the pipe `joined` once the command is in
 * its cgroups. */
_Noreturn void spawn_child_run(struct spawn_request *request, pid_t supervisor, int status, int joined);

#endif
