/* The keys of a request: the valid values of each, and the keys that every request must have. */
#ifndef GLEAN_SPAWN_FIELDS_H
#define GLEAN_SPAWN_FIELDS_H

#include "spawn_request.h"

/* Stores one field in the request, which keeps the pointer. `seen` has a bit for every key so far.
 */
bool spawn_field_take(struct spawn_request *request, const char *key, char *value, size_t length, uint64_t *seen,
		      struct failure *failure);

/* Whether the fields so far form a complete request. */
bool spawn_fields_check(const struct spawn_request *request, uint64_t seen, struct failure *failure);

#endif
