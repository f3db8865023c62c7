/* The frames that are written and read: a short one in one buffer, a long payload beside it. */
#include "exchange.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define MAX_ID ((1ULL << 53) - 1)

static void put(uint8_t *data, uint64_t value, int bytes)
{
	for (int at = 0; at < bytes; at++, value >>= 8)
		data[at] = value & 0xff;
}

uint64_t get(const uint8_t *data, int bytes)
{
	uint64_t value = 0;
	while (bytes > 0)
		value = value << 8 | data[--bytes];
	return value;
}

int message_of(struct message *message, PyObject *const *arguments)
{
	char *metadata, *payload;
	Py_ssize_t metadata_bytes, payload_bytes;
	const long type = PyLong_AsLong(arguments[0]);
	const uint64_t id = PyLong_AsUnsignedLongLong(arguments[1]);
	if (PyErr_Occurred() || PyBytes_AsStringAndSize(arguments[2], &payload, &payload_bytes) < 0 ||
	    PyBytes_AsStringAndSize(arguments[3], &metadata, &metadata_bytes) < 0)
		return -1;
	if (metadata_bytes > MAX_METADATA_BYTES || payload_bytes > MAX_PAYLOAD_BYTES) {
		PyErr_SetString(PyExc_ValueError, "the frame is longer than one may be");
		return -1;
	}
	const int is_copied = payload_bytes <= MAX_COPIED_BYTES;
	uint8_t *data = message->data;
	put(data, (uint64_t)(metadata_bytes + payload_bytes), 4);
	data[4] = (uint8_t)type;
	data[5] = 0;
	put(data + 6, (uint64_t)metadata_bytes, 2);
	put(data + 8, id, 8);
	memcpy(data + HEADER_BYTES, metadata, (size_t)metadata_bytes);
	if (is_copied)
		memcpy(data + HEADER_BYTES + metadata_bytes, payload, (size_t)payload_bytes);
	message->id = id;
	message->head_bytes = (size_t)(HEADER_BYTES + metadata_bytes + (is_copied ? payload_bytes : 0));
	message->rest = payload;
	message->rest_bytes = is_copied ? 0 : (size_t)payload_bytes;
	return 0;
}

size_t bytes_of(const struct message *message)
{
	return message->head_bytes + message->rest_bytes;
}

ssize_t send_rest(int descriptor, const struct message *message, size_t sent, int flags)
{
	struct iovec parts[2];
	size_t count = 0;
	if (sent < message->head_bytes)
		parts[count++] = (struct iovec){ (void *)(message->data + sent), message->head_bytes - sent };
	const size_t begun = sent > message->head_bytes ? sent - message->head_bytes : 0;
	if (begun < message->rest_bytes)
		parts[count++] = (struct iovec){ (void *)(message->rest + begun), message->rest_bytes - begun };
	const struct msghdr sending = { .msg_iov = parts, .msg_iovlen = count };
	return sendmsg(descriptor, &sending, MSG_NOSIGNAL | flags);
}

int is_frame(struct frame *frame, const struct room *room, Py_ssize_t bytes, uint8_t type)
{
	const uint8_t *data = room->data;
	if (bytes < HEADER_BYTES || data[4] != type || data[5] != 0)
		return 0;
	const Py_ssize_t body = (Py_ssize_t)get(data, 4);
	frame->id = get(data + 8, 8);
	frame->metadata = (const char *)data + HEADER_BYTES;
	frame->metadata_bytes = (Py_ssize_t)get(data + 6, 2);
	frame->payload = frame->metadata + frame->metadata_bytes;
	frame->payload_bytes = body - frame->metadata_bytes;
	frame->arrived = bytes - HEADER_BYTES - frame->metadata_bytes;
	return frame->arrived >= 0 && frame->arrived <= frame->payload_bytes && frame->payload_bytes <= MAX_PAYLOAD_BYTES &&
	       frame->metadata_bytes <= MAX_METADATA_BYTES && frame->id != 0 && frame->id <= MAX_ID;
}
