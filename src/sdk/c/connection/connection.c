/* A connection to a worker: what is sent over it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"

/* Whoever has been called before that is likely to be there still. */
#define IDLE_MS 2

void connection_close(struct connection *connection)
{
	if (connection->is_dialled)
		close(connection->dialled);
	connection->is_dialled = false;
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	if (connection->ofi != NULL)
		ofi_close(connection->ofi);
	connection->ofi = NULL;
	if (connection->memory == NULL)
		return;
	connection->memory->connection = NULL;
	connection->memory->prepared = NULL;
	memory_leave(connection->memory);
	connection->memory = NULL;
}

bool connection_takes(const struct connection *connection, long now)
{
	bool is_prepared = connection->memory != NULL && connection->memory->prepared != NULL;
	return connection->fd >= 0 && !connection->is_terminating && !is_prepared && !connection_is_stuck(connection) &&
	       connection->in_flight < connection->max_in_flight && connection->rests_until_ms <= now;
}

bool connection_is_stuck(const struct connection *connection)
{
	return connection->abandoned >= connection->concurrency;
}

static void remember(struct connection *connection, gleaner_call *call, uint64_t id)
{
	gleaner_call **bucket = &connection->buckets[id % BUCKETS];
	call->id = id;
	call->next = *bucket;
	*bucket = call;
	connection->last_id = id;
	connection->in_flight++;
	connection->used_at_ms = call->lease->now_ms;
}

bool connection_lives(gleaner_lease *lease, struct connection *connection)
{
	if (connection->in_flight > 0 || lease->now_ms - connection->used_at_ms < IDLE_MS)
		return true;
	return connection->memory != NULL ? shm_lives(connection) : connection_receive(lease, connection, false);
}

bool connection_knows(const struct connection *connection, const struct frame_header *header)
{
	return header->id <= connection->last_id;
}

bool connection_sends_from(const struct connection *connection, const gleaner_call *call)
{
	const uint8_t *input = call->input;
	if (call->input_bytes == 0)
		return false;
	if (connection->ofi != NULL)
		return ofi_sends_from(connection->ofi, input, call->input_bytes);
	return connection->lent != NULL && connection->lent >= input && connection->lent < input + call->input_bytes;
}

bool connection_is_early(const struct connection *connection, const struct frame_header *header)
{
	if (connection->ofi == NULL ? connection->lent == NULL : !ofi_sends_from(connection->ofi, NULL, 0))
		return false;
	const gleaner_call *call = connection->buckets[header->id % BUCKETS];
	while (call != NULL && call->id != header->id)
		call = call->next;
	return call != NULL && connection_sends_from(connection, call);
}

static void put(uint8_t *data, uint64_t value, int bytes)
{
	for (int at = 0; at < bytes; at++, value >>= 8)
		data[at] = value & 0xff;
}

bool connection_add(struct connection *connection, gleaner_call *call)
{
	/* Without a content type or a name. */
	uint8_t metadata[CALL_HEAD_BYTES] = { 0 };
	long left = call->deadline_ms - call->lease->now_ms;
	put(metadata, left < 1 ? 1 : (uint64_t)left, 4);
	put(metadata + 4, call->attempt, 2);
	const uint64_t id = connection->last_id + 1;
	struct frame_header header = { FRAME_CALL, CALL_HEAD_BYTES, (uint32_t)call->input_bytes, id };
	if (connection->memory != NULL || connection->ofi != NULL) {
		bool is_added = connection->ofi == NULL ? shm_add(connection, call, &header, metadata)
							: ofi_add(connection, call, &header, metadata);
		if (!is_added)
			return false;
		remember(connection, call, id);
		return true;
	}
	bool is_copied = call->input_bytes <= COPIED_INPUT_BYTES;
	size_t needed = FRAME_HEADER_BYTES + CALL_HEAD_BYTES + (is_copied ? call->input_bytes : 0);
	if (connection->lent != NULL || connection->out_end + needed > OUT_BYTES)
		return false;
	uint8_t *end = connection->out + connection->out_end;
	frame_encode(end, &header);
	memcpy(end + FRAME_HEADER_BYTES, metadata, sizeof metadata);
	if (is_copied && call->input_bytes > 0)
		memcpy(end + FRAME_HEADER_BYTES + CALL_HEAD_BYTES, call->input, call->input_bytes);
	connection->out_end += needed;
	if (!is_copied) {
		connection->lent = call->input;
		connection->lent_bytes = call->input_bytes;
	}
	remember(connection, call, id);
	return true;
}

static void cancel(struct connection *connection, uint64_t id)
{
	const struct frame_header header = { FRAME_CANCEL, 0, 0, id };
	if (connection->memory != NULL)
		shm_cancel(connection, id);
	else if (connection->ofi != NULL)
		ofi_cancel(connection, id);
	else if (connection->fd >= 0 && connection->lent == NULL &&
		 connection->out_end + FRAME_HEADER_BYTES <= OUT_BYTES) {
		frame_encode(connection->out + connection->out_end, &header);
		connection->out_end += FRAME_HEADER_BYTES;
	}
}

void connection_abandon(struct connection *connection, uint64_t id)
{
	connection->abandoned++;
	cancel(connection, id);
}

bool connection_has_unsent(const struct connection *connection)
{
	return connection->out_end > connection->out_start || connection->lent != NULL;
}

static void has_sent(struct connection *connection, size_t sent)
{
	size_t of_frames = connection->out_end - connection->out_start;
	if (sent < of_frames) {
		connection->out_start += sent;
		return;
	}
	connection->out_start = connection->out_end = 0;
	if (connection->lent == NULL)
		return;
	connection->lent += sent - of_frames;
	connection->lent_bytes -= sent - of_frames;
	if (connection->lent_bytes == 0)
		connection->lent = NULL;
}

static ssize_t send_some(struct connection *connection, int flags)
{
	const size_t of_frames = connection->out_end - connection->out_start;
	if (connection->lent == NULL)
		return send(connection->fd, connection->out + connection->out_start, of_frames, flags);
	struct iovec parts[2] = {
		{ connection->out + connection->out_start, of_frames },
		{ (void *)connection->lent, connection->lent_bytes },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	return sendmsg(connection->fd, &message, flags);
}

bool connection_send(struct connection *connection, bool may_wait)
{
	/* The worker reads all of an only call before it answers: neither waits for the other. */
	const int flags = MSG_NOSIGNAL | (may_wait && connection->in_flight == 1 ? 0 : MSG_DONTWAIT);
	while (connection_has_unsent(connection)) {
		size_t unsent = connection->out_end - connection->out_start + connection->lent_bytes;
		ssize_t sent = send_some(connection, flags);
		if (sent >= 0) {
			has_sent(connection, (size_t)sent);
			if ((size_t)sent < unsent)
				return true;
		} else
			/* Also after a signal, as in receive.c. */
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	}
	return true;
}
