/* Calls over shared memory with a worker on this host. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"

/* A worker that blocks needs as long to wake up. */
#define SPINS_BEFORE_SLEEP 400
#define SPINS_PER_LOOK 20000
/* A worker that is gone is seen as often. */
#define LOOKS_PER_DRAIN 1024
#define WAIT_MS 200
#define ANSWER_MS 5000

static bool read_answer(int fd, uint8_t type)
{
	uint8_t head[FRAME_HEADER_BYTES];
	struct frame_header header;
	struct pollfd ready = { fd, POLLIN, 0 };
	return poll(&ready, 1, ANSWER_MS) == 1 && recv(fd, head, sizeof head, MSG_WAITALL) == (ssize_t)sizeof head &&
	       frame_decode_direct(head, &header) && header.type == type && header.payload_bytes == 0;
}

static bool pass(int fd, int memfd, uint32_t ring_bytes)
{
	uint8_t frame[FRAME_HEADER_BYTES + 64];
	struct fields fields = { NULL, 0 };
	fields_add_number(&fields, "ringBytes", ring_bytes);
	struct frame_header header = { DIRECT_SHM_OPEN, 0, (uint32_t)fields.length, 0 };
	frame_encode(frame, &header);
	if (fields.data != NULL)
		memcpy(frame + FRAME_HEADER_BYTES, fields.data, fields.length);
	free(fields.data);
	union {
		char data[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = { .data = { 0 } };
	struct iovec part = { frame, FRAME_HEADER_BYTES + header.payload_bytes };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.data,
				  .msg_controllen = sizeof control.data };
	struct cmsghdr *first = CMSG_FIRSTHDR(&message);
	first->cmsg_level = SOL_SOCKET;
	first->cmsg_type = SCM_RIGHTS;
	first->cmsg_len = CMSG_LEN(sizeof memfd);
	memcpy(CMSG_DATA(first), &memfd, sizeof memfd);
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)part.iov_len;
}

bool shm_open_rings(struct connection *connection, uint32_t ring_bytes)
{
	int memfd = rings_create(ring_bytes);
	if (memfd < 0)
		return false;
	connection->has_rings = rings_map(&connection->rings, memfd, ring_bytes, false) &&
				pass(connection->fd, memfd, ring_bytes) &&
				read_answer(connection->fd, DIRECT_SHM_ACCEPTED);
	if (!connection->has_rings)
		rings_unmap(&connection->rings);
	close(memfd);
	return connection->has_rings;
}

void shm_wake(struct connection *connection)
{
	/* A socket that is full wakes as well. */
	(void)send(connection->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool shm_add(struct connection *connection, gleaner_call *call, const struct frame_header *header,
	     const uint8_t *metadata)
{
	struct ring *out = &connection->rings.out;
	uint8_t *where = ring_reserve(out, header->metadata_bytes, header->payload_bytes);
	if (where == NULL && !ring_sleeps_full(out, header->metadata_bytes, header->payload_bytes))
		where = ring_reserve(out, header->metadata_bytes, header->payload_bytes);
	if (where == NULL)
		return false;
	if (call->input_bytes > 0)
		memcpy(where, call->input, call->input_bytes);
	if (ring_put(out, header, metadata))
		shm_wake(connection);
	return true;
}

static bool take(gleaner_lease *lease, struct connection *connection, struct ring_frame *frame)
{
	bool goes_on = true;
	gleaner_call *call = NULL;
	if (frame->header.type == FRAME_RESULT) {
		call = connection_take_call(connection, frame->header.id);
		if (call != NULL) {
			size_t bytes = frame->header.payload_bytes, room = call->output_capacity;
			if (bytes > 0)
				memcpy(call->output, frame->payload, bytes < room ? bytes : room);
			call->output_bytes = bytes;
		}
	} else {
		/* A copy: what is checked must not change. */
		uint8_t *fields = malloc((size_t)frame->header.payload_bytes + 1);
		if (fields != NULL)
			memcpy(fields, frame->payload, frame->header.payload_bytes);
		goes_on = fields != NULL && connection_takes_frame(lease, connection, &frame->header, fields);
		free(fields);
	}
	if (ring_take(&connection->rings.in, frame))
		shm_wake(connection);
	if (call != NULL)
		call_end(call, call->output_bytes > call->output_capacity ? GLEANER_OUTPUT_TOO_LARGE : GLEANER_OK);
	return goes_on;
}

/* Takes the bytes that only wake; false if the worker is gone. */
static bool drain(struct connection *connection)
{
	char bytes[256];
	ssize_t got;
	while ((got = recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		;
	return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static bool sleep_until_woken(struct connection *connection)
{
	struct pollfd ready = { connection->fd, POLLIN, 0 };
	if (ring_sleeps_empty(&connection->rings.in))
		(void)poll(&ready, 1, WAIT_MS);
	ring_is_awake(&connection->rings);
	return drain(connection);
}

bool shm_receive(gleaner_lease *lease, struct connection *connection, bool may_wait)
{
	struct ring_frame frame;
	const int spins = connection->is_hot ? SPINS_PER_LOOK : SPINS_BEFORE_SLEEP;
	for (int spin = 0; spin <= spins; spin++) {
		enum ring_look look = ring_look(&connection->rings.in, &frame);
		if (look == RING_BROKEN)
			return false;
		if (look == RING_FRAME) {
			/* All that are there. */
			while (look == RING_FRAME) {
				if (!take(lease, connection, &frame))
					return false;
				look = connection->has_rings ? ring_look(&connection->rings.in, &frame) : RING_EMPTY;
			}
			return look != RING_BROKEN;
		}
		if (!may_wait)
			break;
		__builtin_ia32_pause();
	}
	if (!may_wait)
		return ++connection->empty_looks % LOOKS_PER_DRAIN != 0 || drain(connection);
	return connection->is_hot ? drain(connection) : sleep_until_woken(connection);
}
