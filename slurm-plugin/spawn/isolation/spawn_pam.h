/* Opens a PAM session for the command, as Slurm does with UsePAM: this is how sites give users
 * their limits. */
#ifndef GLEAN_SPAWN_PAM_H
#define GLEAN_SPAWN_PAM_H

#include "spawn_request.h"

/* Runs the session modules of the request's service, as root, in the process that becomes the
 * command. */
bool spawn_pam_open(const struct spawn_request *request, struct failure *failure);

#endif
