/* Frames over a socket that does not wait. */
#include "attach_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void stream_open(struct stream *stream, int fd)
{
	stream->fd = fd;
	stream->in_length = stream->in_taken = stream->out_from = stream->out_length = 0;
}

/* Removes the frame that was handed out last. */
static void forget_taken(struct stream *stream)
{
	if (stream->in_taken == 0)
		return;
	stream->in[stream->in_taken] = stream->covered;
	stream->in_length -= stream->in_taken;
	memmove(stream->in, stream->in + stream->in_taken, stream->in_length);
	stream->in_taken = 0;
}

static bool receive(struct stream *stream, bool *is_gone)
{
	/* The last byte is for a NUL. */
	size_t room = sizeof stream->in - 1 - stream->in_length;
	ssize_t got = recv(stream->fd, stream->in + stream->in_length, room, 0);
	if (got > 0) {
		stream->in_length += (size_t)got;
		return true;
	}
	*is_gone = got == 0 || (errno != EAGAIN && errno != EINTR);
	return false;
}

enum stream_end stream_read(struct stream *stream, struct stream_frame *frame)
{
	const uint8_t *head = stream->in;
	bool is_gone = false;
	forget_taken(stream);
	for (;;) {
		if (stream->in_length >= STREAM_HEADER_BYTES) {
			uint32_t length = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
			if (length > STREAM_MAX_PAYLOAD || head[5] != 0)
				return STREAM_GONE;
			if (stream->in_length >= STREAM_HEADER_BYTES + length) {
				stream->in_taken = STREAM_HEADER_BYTES + length;
				stream->covered = stream->in[stream->in_taken];
				stream->in[stream->in_taken] = '\0';
				frame->type = head[4];
				frame->task = head[6] | (unsigned)head[7] << 8;
				frame->payload = head + STREAM_HEADER_BYTES;
				frame->length = length;
				return STREAM_FRAME;
			}
		}
		if (!receive(stream, &is_gone))
			return is_gone ? STREAM_GONE : STREAM_LATER;
	}
}

bool stream_flush(struct stream *stream)
{
	while (stream->out_length > 0) {
		ssize_t sent = send(stream->fd, stream->out + stream->out_from, stream->out_length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN;
		stream->out_from += (size_t)sent;
		stream->out_length -= (size_t)sent;
	}
	stream->out_from = 0;
	return true;
}

bool stream_has_output(const struct stream *stream)
{
	return stream->out_length > 0;
}

size_t stream_room(const struct stream *stream)
{
	if (stream->out_length >= STREAM_OUTPUT_BYTES)
		return 0;
	size_t left = STREAM_OUTPUT_BYTES - stream->out_length;
	return left < STREAM_MAX_PAYLOAD ? left : STREAM_MAX_PAYLOAD;
}

uint8_t *stream_reserve(struct stream *stream)
{
	if (stream->out_from > 0) {
		memmove(stream->out, stream->out + stream->out_from, stream->out_length);
		stream->out_from = 0;
	}
	return stream->out + stream->out_length + STREAM_HEADER_BYTES;
}

void stream_commit(struct stream *stream, enum stream_type type, unsigned task, size_t length)
{
	uint8_t *head = stream->out + stream->out_length;
	for (int at = 0; at < 4; at++)
		head[at] = (uint8_t)(length >> 8 * at);
	head[4] = (uint8_t)type;
	head[5] = 0;
	head[6] = (uint8_t)task;
	head[7] = (uint8_t)(task >> 8);
	stream->out_length += STREAM_HEADER_BYTES + length;
}

void stream_add(struct stream *stream, enum stream_type type, unsigned task, const void *payload, size_t length)
{
	uint8_t *to = stream_reserve(stream);
	/* Short frames are few: beyond this the client could not be told more than it can read. */
	if ((size_t)(stream->out + sizeof stream->out - to) < length)
		return;
	memcpy(to, payload, length);
	stream_commit(stream, type, task, length);
}
