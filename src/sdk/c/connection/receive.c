/* A connection to a worker: what is received over it. Outputs are read to where they belong. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

/* What is read first after a large answer: the rest is then read to where it belongs. */
#define FIRST_READ_BYTES 512u

/* Below 0 if the connection is broken; 0 if nothing has come. A signal ends the wait: a second one
 * would last as long, and a program with many signals would see no deadline. */
static ssize_t receive(int fd, void *where, size_t bytes, bool may_wait)
{
	const ssize_t got = recv(fd, where, bytes, may_wait ? 0 : MSG_DONTWAIT);
	if (got > 0)
		return got;
	return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

static bool end_payload(gleaner_lease *lease, struct connection *connection)
{
	gleaner_call *call = connection->receiving;
	uint8_t *failure = connection->failure;
	bool goes_on = true;
	connection->reads_payload = false;
	connection->receiving = NULL;
	connection->failure = NULL;
	if (connection->header.type != FRAME_RESULT)
		goes_on = connection_takes_frame(lease, connection, &connection->header, failure);
	else if (call != NULL) {
		call->output_bytes = connection->header.payload_bytes;
		call_end(call, call->output_bytes > call->output_capacity ? GLEANER_OUTPUT_TOO_LARGE : GLEANER_OK);
	}
	free(failure);
	return goes_on;
}

/* Takes `bytes` of the payload from what was read. */
static void take_payload(struct connection *connection, const uint8_t *from, size_t bytes)
{
	gleaner_call *call = connection->receiving;
	if (connection->failure != NULL)
		memcpy(connection->failure + connection->payload_at, from, bytes);
	else if (call != NULL && connection->payload_at < call->output_capacity) {
		size_t room = call->output_capacity - connection->payload_at;
		memcpy((uint8_t *)call->output + connection->payload_at, from, bytes < room ? bytes : room);
	}
	connection->payload_at += bytes;
	connection->payload_left -= bytes;
}

gleaner_call *connection_begin_output(struct connection *connection, const struct frame_header *header)
{
	gleaner_call *call = connection_take_call(connection, header->id);
	if (call == NULL || !call->is_in_place)
		return call;
	free(call->own_output);
	call->output = call->own_output = memory_of_its_own(header->payload_bytes);
	call->output_capacity = header->payload_bytes;
	if (call->output != NULL)
		return call;
	call_end(call, GLEANER_NO_MEMORY);
	return NULL;
}

static bool begin_frame(struct connection *connection)
{
	struct frame_header *header = &connection->header;
	size_t there = connection->in_end - connection->in_start;
	connection->in_start += FRAME_HEADER_BYTES + header->metadata_bytes;
	connection->reads_payload = true;
	connection->payload_left = header->payload_bytes;
	connection->payload_at = 0;
	connection->was_large = FRAME_HEADER_BYTES + header->metadata_bytes + (size_t)header->payload_bytes > there;
	if (header->type == FRAME_RESULT)
		connection->receiving = connection_begin_output(connection, header);
	else
		connection->failure = malloc((size_t)header->payload_bytes + 1);
	return header->type == FRAME_RESULT || connection->failure != NULL;
}

/* Handles all that is in the buffer; false if the connection must end. */
static bool take_frames(gleaner_lease *lease, struct connection *connection)
{
	for (;;) {
		size_t there = connection->in_end - connection->in_start;
		if (!connection->reads_payload) {
			if (there < FRAME_HEADER_BYTES)
				return true;
			const uint8_t *head = connection->in + connection->in_start;
			if (!(connection->is_hold ? frame_decode_hold : frame_decode_direct)(head, &connection->header) ||
			    !connection_knows(connection, &connection->header))
				return false;
			if (there < (size_t)FRAME_HEADER_BYTES + connection->header.metadata_bytes ||
			    connection_is_early(connection, &connection->header))
				return true;
			if (!begin_frame(connection))
				return false;
			continue;
		}
		size_t bytes = there < connection->payload_left ? there : connection->payload_left;
		take_payload(connection, connection->in + connection->in_start, bytes);
		connection->in_start += bytes;
		if (connection->payload_left > 0)
			return true;
		if (!end_payload(lease, connection))
			return false;
	}
}

/* Straight to the output; false if it has no room for more. */
static bool receive_output(struct connection *connection, bool may_wait, ssize_t *got)
{
	gleaner_call *call = connection->receiving;
	if (!connection->reads_payload || call == NULL || connection->payload_at >= call->output_capacity)
		return false;
	size_t room = call->output_capacity - connection->payload_at;
	size_t bytes = connection->payload_left < room ? connection->payload_left : room;
	uint8_t *where = (uint8_t *)call->output + connection->payload_at;
	*got = receive(connection->fd, where, bytes, may_wait);
	if (*got > 0) {
		connection->payload_at += (size_t)*got;
		connection->payload_left -= (size_t)*got;
	}
	return true;
}

bool connection_receive(gleaner_lease *lease, struct connection *connection, bool may_wait)
{
	ssize_t got;
	if (connection->memory != NULL)
		return shm_receive(lease, connection, may_wait);
	if (connection->ofi != NULL)
		return ofi_connection_receive(lease, connection, may_wait);
	if (receive_output(connection, may_wait, &got)) {
		if (got < 0 || (got > 0 && connection->payload_left == 0 && !end_payload(lease, connection)))
			return false;
		return true;
	}
	size_t there = connection->in_end - connection->in_start;
	memmove(connection->in, connection->in + connection->in_start, there);
	connection->in_start = 0;
	connection->in_end = there;
	size_t bytes = (connection->was_large && there < FIRST_READ_BYTES ? FIRST_READ_BYTES : READ_BYTES) - there;
	/* An early answer waits there for its call to be sent. */
	if (bytes == 0)
		return take_frames(lease, connection);
	got = receive(connection->fd, connection->in + there, bytes, may_wait);
	if (got < 0)
		return false;
	connection->in_end += (size_t)got;
	return take_frames(lease, connection);
}
