/* The steps between fork and exec: the command enters its cgroups, becomes the user, opens its
 * files. */
#ifndef GLEAN_SPAWN_CHILD_H
#define GLEAN_SPAWN_CHILD_H

#include "spawn_request.h"

struct spawn_birth {
	pid_t supervisor; /* the parent */
	bool is_inside;	  /* see spawn_join_fork */
	int status;	  /* close-on-exec */
	/* It writes how many cgroups it has entered; if some are left, it waits for a byte. */
	int joining;
};

/* Never returns: calls exec, or writes a struct failure to `status` and exits. */
_Noreturn void spawn_child_run(struct spawn_request *request, const struct spawn_birth *birth);

#endif
