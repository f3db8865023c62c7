/* The keys of a request: what each value has to be, and which of them every request has. */
#ifndef GLEAN_SPAWN_FIELDS_H
#define GLEAN_SPAWN_FIELDS_H

#include "spawn_request.h"

/* Takes one field into the request, which keeps the pointer. `seen` has a bit for every key that came already. */
bool spawn_field_take(struct spawn_request *request, const char *key, char *value, size_t length, uint64_t *seen,
		      struct failure *failure);

/* Whether the fields that came make a whole request. */
bool spawn_fields_check(const struct spawn_request *request, uint64_t seen, struct failure *failure);

#endif
