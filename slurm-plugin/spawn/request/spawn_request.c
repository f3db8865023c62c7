/* Parses the request for one attempt, record by record. */
#include "spawn_request.h"

#include <errno.h>
#include <string.h>

#include "spawn_fields.h"
#include "spawn_frame.h"

/* Reads one record, a string of `size` bytes. `seen` has a bit for every key so far. */
static bool take_record(struct spawn_request *request, char *record, size_t size, uint64_t *seen,
			struct failure *failure)
{
	char *equals = memchr(record, '=', size);
	if (equals == NULL || memchr(record, '\0', (size_t)(equals - record)) != NULL)
		return fail(failure, STAGE_REQUEST, EINVAL, "a record of the request has no key");
	*equals = '\0';
	return spawn_field_take(request, record, equals + 1, size - (size_t)(equals + 1 - record), seen, failure);
}

bool spawn_request_parse(struct spawn_request *request, uint8_t *at, size_t left, struct failure *failure)
{
	uint64_t seen = 0;
	request->umask = 0022;
	request->stdin_path = request->stdout_path = request->stderr_path = "/dev/null";
	while (left > 0) {
		uint32_t size = left < 4 ? 0 : spawn_frame_u32(at);
		if (left < 4 || size > left - 4)
			return fail(failure, STAGE_REQUEST, EINVAL, "a record of the request is cut off");
		/* Moved onto the last byte of its own size, to make room for the NUL that ends it.
		 */
		char *record = (char *)at + 3;
		memmove(record, at + 4, size);
		record[size] = '\0';
		if (!take_record(request, record, size, &seen, failure))
			return false;
		at += 4 + size;
		left -= 4 + size;
	}
	return spawn_fields_check(request, seen, failure);
}
