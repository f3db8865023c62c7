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
#define MAX_FRAMES_AT_ONCE 256
#define WAIT_MS 200
#define ANSWER_MS 5000

static bool read_answer(int fd, uint8_t type)
{
	uint8_t head[FRAME_HEADER_BYTES];
	struct frame_header header;
	return connection_hears(fd, head, sizeof head, now_ms() + ANSWER_MS) &&
	       frame_decode_direct(head, &header) && header.type == type && header.payload_bytes == 0;
}

static bool pass(int fd, int memfd, uint32_t ring_bytes)
{
	uint8_t frame[FRAME_HEADER_BYTES + 64];
	struct fields fields = { NULL, 0 };
	fields_add_number(&fields, "ringBytes", ring_bytes);
	fields_add_number(&fields, "layout", RING_LAYOUT);
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
	struct memory *memory = calloc(1, sizeof *memory);
	int memfd = memory == NULL ? -1 : rings_create(ring_bytes);
	if (memfd >= 0 && rings_map(&memory->rings, memfd, ring_bytes, false) &&
	    pass(connection->fd, memfd, ring_bytes) && read_answer(connection->fd, DIRECT_SHM_ACCEPTED)) {
		memory->users = 1;
		memory->connection = connection;
		connection->memory = memory;
	} else if (memory != NULL) {
		rings_unmap(&memory->rings);
		free(memory);
	}
	if (memfd >= 0)
		close(memfd);
	return connection->memory != NULL;
}

void shm_wake(struct connection *connection)
{
	/* A socket that is full wakes as well. */
	(void)send(connection->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Where to write the payload of a frame; NULL while there is no room, of which the worker then
 * tells. */
static uint8_t *room_for(struct ring *out, size_t metadata_bytes, size_t payload_bytes)
{
	uint8_t *where = ring_reserve(out, metadata_bytes, payload_bytes);
	if (where == NULL && !ring_sleeps_full(out, metadata_bytes, payload_bytes))
		where = ring_reserve(out, metadata_bytes, payload_bytes);
	return where;
}

/* The only answer under way may rewind: it is copied then, and so holds nothing. */
static void agree_on_rewinding(struct connection *connection, const gleaner_call *call)
{
	struct memory *memory = connection->memory;
	memory->may_keep = memory->may_keep || call->is_in_place;
	if (memory->may_keep)
		ring_may_rewind(&memory->rings.in, connection->in_flight == 0 && memory->kept == NULL);
}

bool shm_add(struct connection *connection, gleaner_call *call, const struct frame_header *header,
	     const uint8_t *metadata)
{
	struct memory *memory = connection->memory;
	struct ring *out = &memory->rings.out;
	if (memory->prepared == call)
		memory->prepared = NULL;
	else {
		uint8_t *where = room_for(out, header->metadata_bytes, header->payload_bytes);
		if (where == NULL)
			return false;
		if (call->input_bytes > 0)
			memcpy(where, call->input, call->input_bytes);
	}
	agree_on_rewinding(connection, call);
	if (ring_put(out, header, metadata))
		shm_wake(connection);
	return true;
}

void shm_cancel(struct connection *connection, uint64_t id)
{
	const struct frame_header header = { FRAME_CANCEL, 0, 0, id };
	struct ring *out = &connection->memory->rings.out;
	if (connection->memory->prepared == NULL && ring_reserve(out, 0, 0) != NULL && ring_put(out, &header, NULL))
		shm_wake(connection);
}

void shm_give_back(struct memory *memory)
{
	struct ring *in = &memory->rings.in;
	bool wakes = ring_give_back(in, memory->kept == NULL ? in->position : memory->kept->output_start);
	if (wakes && memory->connection != NULL)
		shm_wake(memory->connection);
}

static bool copy_output(gleaner_call *call, const struct ring_frame *frame)
{
	const size_t bytes = frame->header.payload_bytes;
	if (call->is_in_place) {
		free(call->own_output);
		call->output = call->own_output = memory_of_its_own(bytes);
		call->output_capacity = call->output == NULL ? 0 : bytes;
	}
	size_t room = call->output_capacity;
	call->output_bytes = bytes;
	if (bytes > 0 && room > 0)
		memcpy(call->output, frame->payload, bytes < room ? bytes : room);
	return !call->is_in_place || call->output != NULL;
}

static void keep_output(struct memory *memory, gleaner_call *call, const struct ring_frame *frame)
{
	gleaner_call **last = &memory->kept;
	while (*last != NULL)
		last = &(*last)->next;
	*last = call;
	call->output = frame->payload;
	call->output_bytes = call->output_capacity = frame->header.payload_bytes;
	call->output_memory = memory;
	call->output_start = frame->start;
	memory->users++;
}

static void take_result(struct connection *connection, struct ring_frame *frame)
{
	struct memory *memory = connection->memory;
	gleaner_call *call = connection_take_call(connection, frame->header.id);
	gleaner_error error = GLEANER_OK;
	ring_keep(&memory->rings.in, frame);
	if (call != NULL && call->is_in_place && !frame->rewinds && frame->header.payload_bytes >= LEAST_IN_PLACE_BYTES)
		keep_output(memory, call, frame);
	else if (call != NULL && !copy_output(call, frame))
		error = GLEANER_NO_MEMORY;
	shm_give_back(memory);
	if (call == NULL)
		return;
	if (error == GLEANER_OK && call->output_bytes > call->output_capacity)
		error = GLEANER_OUTPUT_TOO_LARGE;
	call_end(call, error);
}

static bool take(gleaner_lease *lease, struct connection *connection, struct ring_frame *frame)
{
	if (!connection_knows(connection, &frame->header))
		return false;
	if (frame->header.type == FRAME_RESULT) {
		take_result(connection, frame);
		return true;
	}
	/* A copy: what is checked must not change. */
	uint8_t *fields = malloc((size_t)frame->header.payload_bytes + 1);
	if (fields == NULL)
		return false;
	memcpy(fields, frame->payload, frame->header.payload_bytes);
	ring_keep(&connection->memory->rings.in, frame);
	shm_give_back(connection->memory);
	bool goes_on = connection_takes_frame(lease, connection, &frame->header, fields);
	free(fields);
	return goes_on;
}

bool shm_lives(struct connection *connection)
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
	if (ring_sleeps_empty(&connection->memory->rings.in))
		(void)poll(&ready, 1, WAIT_MS);
	ring_is_awake(&connection->memory->rings);
	return shm_lives(connection);
}

/* Takes a frame, and those that follow it; false if the connection is broken. A worker that fills
 * its ring in a circle does not keep the deadlines from being seen. */
static bool take_all(gleaner_lease *lease, struct connection *connection, struct ring_frame *frame)
{
	for (int frames = 0; frames < MAX_FRAMES_AT_ONCE; frames++) {
		if (!take(lease, connection, frame))
			return false;
		/* A callback may have ended it. */
		if (connection->memory == NULL)
			return true;
		enum ring_look look = ring_look(&connection->memory->rings.in, frame);
		if (look != RING_FRAME)
			return look == RING_EMPTY;
	}
	return true;
}

bool shm_receive(gleaner_lease *lease, struct connection *connection, bool may_wait)
{
	struct ring_frame frame;
	const int spins = connection->is_hot ? SPINS_PER_LOOK : SPINS_BEFORE_SLEEP;
	for (int spin = 0; spin <= spins; spin++) {
		enum ring_look look = ring_look(&connection->memory->rings.in, &frame);
		if (look == RING_BROKEN)
			return false;
		if (look == RING_FRAME)
			return take_all(lease, connection, &frame);
		if (!may_wait)
			break;
		spin_pause();
	}
	if (!may_wait)
		return ++connection->empty_looks % LOOKS_PER_DRAIN != 0 || shm_lives(connection);
	return connection->is_hot ? shm_lives(connection) : sleep_until_woken(connection);
}
