/* The connection of a runtime in C to its executor. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* A cache line: more than any type needs, and what vector instructions like. */
#define PAYLOAD_ALIGNMENT 64

bool channel_open(void)
{
	int flags = fcntl(EXECUTOR_DESCRIPTOR, F_GETFL);
	return flags >= 0 && fcntl(EXECUTOR_DESCRIPTOR, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
	       fcntl(EXECUTOR_DESCRIPTOR, F_SETFD, FD_CLOEXEC) == 0;
}

/* Receives into one part of the frame, which begins at `start`; `*filled` counts over all parts. */
static enum read_end receive(uint8_t *part, size_t start, size_t bytes, size_t *filled, int flags)
{
	while (*filled < start + bytes) {
		size_t done = *filled - start;
		ssize_t got = recv(EXECUTOR_DESCRIPTOR, part + done, bytes - done, flags);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return READ_LATER;
		if (got <= 0)
			return READ_GONE;
		*filled += (size_t)got;
	}
	return READ_FRAME;
}

static uint8_t *allocate(size_t bytes)
{
	void *found = NULL;
	size_t rounded = (bytes + PAYLOAD_ALIGNMENT) / PAYLOAD_ALIGNMENT * PAYLOAD_ALIGNMENT;
	return posix_memalign(&found, PAYLOAD_ALIGNMENT, rounded) == 0 ? found : NULL;
}

enum read_end channel_read(struct channel *channel, bool may_wait, struct frame *frame)
{
	int flags = may_wait ? 0 : MSG_DONTWAIT;
	struct frame *reading = &channel->frame;
	struct frame_header *header = &reading->header;
	enum read_end end = receive(channel->head, 0, FRAME_HEADER_BYTES, &channel->filled, flags);
	if (end != READ_FRAME)
		return end;
	if (reading->payload == NULL) {
		if (!frame_decode(channel->head, header))
			return READ_GONE;
		reading->payload = allocate(header->payload_bytes);
		if (reading->payload == NULL)
			return READ_GONE;
	}
	size_t start = FRAME_HEADER_BYTES;
	end = receive(reading->metadata, start, header->metadata_bytes, &channel->filled, flags);
	if (end != READ_FRAME)
		return end;
	start += header->metadata_bytes;
	end = receive(reading->payload, start, header->payload_bytes, &channel->filled, flags);
	if (end != READ_FRAME)
		return end;
	*frame = *reading;
	reading->payload = NULL;
	channel->filled = 0;
	return READ_FRAME;
}

bool channel_send(enum frame_type type, uint64_t id, const void *metadata, size_t metadata_bytes,
		  const void *payload, size_t payload_bytes)
{
	struct frame_header header = { type, (uint16_t)metadata_bytes, (uint32_t)payload_bytes, id };
	uint8_t head[FRAME_HEADER_BYTES];
	frame_encode(head, &header);
	struct iovec parts[] = {
		{ head, sizeof head },
		{ (void *)metadata, metadata_bytes },
		{ (void *)payload, payload_bytes },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };
	while (message.msg_iovlen > 0) {
		ssize_t sent = sendmsg(EXECUTOR_DESCRIPTOR, &message, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return false;
		while (message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len) {
			sent -= (ssize_t)message.msg_iov->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
		if (message.msg_iovlen > 0) {
			message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
			message.msg_iov->iov_len -= (size_t)sent;
		}
	}
	return true;
}

static bool send_fields(enum frame_type type, uint64_t id, struct fields *fields)
{
	bool is_sent = channel_send(type, id, NULL, 0, fields->data, fields->length);
	free(fields->data);
	return is_sent;
}

bool channel_hello(const char *runtime, const char *language_version)
{
	struct fields fields = { NULL, 0 };
	fields_add_number(&fields, "lowestVersion", PROTOCOL_VERSION);
	fields_add_number(&fields, "highestVersion", PROTOCOL_VERSION);
	fields_add(&fields, "runtime", runtime, MAX_MESSAGE_BYTES);
	fields_add(&fields, "languageVersion", language_version, MAX_MESSAGE_BYTES);
	return send_fields(FRAME_HELLO, 0, &fields);
}

bool channel_loaded(void)
{
	struct fields fields = { NULL, 0 };
	fields_add_number(&fields, "concurrency", 1);
	return send_fields(FRAME_LOADED, 0, &fields);
}

bool channel_error(enum frame_type type, uint64_t id, const char *kind, const char *class,
		   const char *message)
{
	struct fields fields = { NULL, 0 };
	fields_add(&fields, "kind", kind, MAX_MESSAGE_BYTES);
	fields_add(&fields, "type", class, MAX_CONTENT_TYPE_BYTES);
	fields_add(&fields, "message", message, MAX_MESSAGE_BYTES);
	fields_add(&fields, "stack", "", 0);
	return send_fields(type, id, &fields);
}

bool channel_bye(const char *reason)
{
	struct fields fields = { NULL, 0 };
	fields_add(&fields, "reason", reason, MAX_MESSAGE_BYTES);
	return send_fields(FRAME_BYE, 0, &fields);
}
