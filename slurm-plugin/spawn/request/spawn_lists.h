/* The values of a request that are ids or lists: groups and CPUs. */
#ifndef GLEAN_SPAWN_LISTS_H
#define GLEAN_SPAWN_LISTS_H

#include "spawn_request.h"

/* Each returns false for an invalid value. A list loses its separators. */
bool spawn_id_take(const char *value, uint32_t *id);
/* Ids, separated by commas. */
bool spawn_groups_take(struct spawn_request *request, char *value);
/* CPUs and ranges of them, such as 0-3,8; at least one. */
bool spawn_cpus_take(struct spawn_request *request, char *value);

#endif
