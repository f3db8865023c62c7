/* The soft resource limits of the submitter's shell, which the command gets as in a batch job. */
#ifndef GLEAN_SPAWN_LIMITS_H
#define GLEAN_SPAWN_LIMITS_H

#include <stdbool.h>

#include "spawn_request.h"

/* Takes `name:number` or `name:unlimited`; false if there is no such limit. Writes to `value`. */
bool spawn_limits_take(struct spawn_request *request, char *value);

/* Sets them, as far as the node's hard limits allow; called as the user, just before the exec: they
 * must not stop the start itself. */
bool spawn_limits_apply(const struct spawn_request *request, struct failure *failure);

#endif
