/* Reads the request of glean-spawn, record by record. */
#include "spawn_request.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "spawn_fields.h"

static bool read_all(int fd, uint8_t *out, size_t size)
{
	while (size > 0) {
		ssize_t got = read(fd, out, size);
		if (got > 0) {
			out += got;
			size -= (size_t)got;
		} else if (got < 0 && errno == EAGAIN) {
			struct pollfd entry = {.fd = fd, .events = POLLIN};
			(void)poll(&entry, 1, -1);
		} else if (got == 0 || errno != EINTR) {
			return false;
		}
	}
	return true;
}

static uint32_t read_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

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
		uint32_t size = left < 4 ? 0 : read_u32(at);
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

bool spawn_request_read(struct spawn_request *request, int fd, struct failure *failure)
{
	static uint8_t buffer[REQUEST_MAX]; /* untouched pages cost nothing */
	uint8_t head[4];
	if (!read_all(fd, head, sizeof head))
		return fail(failure, STAGE_REQUEST, EPIPE, "the request ended before its length");
	uint32_t length = read_u32(head);
	if (length > REQUEST_MAX)
		return fail(failure, STAGE_REQUEST, E2BIG, "the request has %u bytes, at most %u are allowed", length,
			    REQUEST_MAX);
	if (!read_all(fd, buffer, length))
		return fail(failure, STAGE_REQUEST, EPIPE, "the request ended before its %u bytes", length);
	return spawn_request_parse(request, buffer, length, failure);
}
